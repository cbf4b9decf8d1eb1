#include "services/health_code/domain/evidence_limit.h"

#include <tuple>

#include "common/base/proto_time.h"

namespace epigrid::health_code {
namespace {

// The oldest of some evidence, whatever the order in which it is looked at.
struct Oldest {
  Time time = kEndOfTime;
  std::string key;

  void Consider(Time at, const std::string& of) {
    if (std::tie(at, of) < std::tie(time, key) || key.empty()) {
      time = at;
      key = of;
    }
  }
};

}  // namespace

std::string EvidenceToLetGo(const std::map<std::string, state::v1::StoredEvidence>& evidence,
                            const std::string& added) {
  size_t declarations = 0;
  Oldest declaration;
  Oldest other;
  for (const auto& [key, stored] : evidence) {
    const v1::Evidence& known = stored.evidence();
    if (known.has_declaration()) {
      ++declarations;
      declaration.Consider(FromProto(known.declaration().declared_time()), key);
    } else if (known.has_test() && known.test().outcome() != v1::TEST_OUTCOME_POSITIVE) {
      other.Consider(FromProto(known.test().sampled_time()), key);
    } else if (known.withdrawn()) {
      other.Consider(FromProto(stored.recorded_time()), key);
    }
  }
  if (declarations > kDeclarationsMax) return declaration.key;
  if (evidence.size() <= kEvidenceMax) return {};
  return other.key.empty() ? added : other.key;
}

}  // namespace epigrid::health_code
