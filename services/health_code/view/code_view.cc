#include "services/health_code/view/code_view.h"

#include "common/base/proto_time.h"
#include "services/health_code/domain/timeline.h"

namespace epigrid::health_code {
namespace {

v1::Code NewCode(const std::string& person_id, Time as_of) {
  v1::Code code;
  code.set_person_id(person_id);
  code.set_colour(v1::COLOUR_GREEN);
  code.set_measure(v1::MEASURE_NONE);
  if (as_of.is_set()) *code.mutable_as_of_time() = ToProto(as_of);
  return code;
}

}  // namespace

v1::Code CodeAsOf(const std::string& person_id, const std::optional<std::string>& cell,
                  Time as_of) {
  v1::Code code = NewCode(person_id, as_of);
  if (!cell.has_value()) return code;
  state::v1::StoredCode stored;
  EPIGRID_CHECK(stored.ParseFromString(*cell), "the cell was written by this service");
  code.set_version(stored.version());
  if (stored.has_last_negative_sampled_time()) {
    *code.mutable_last_negative_sampled_time() = stored.last_negative_sampled_time();
  }
  const v1::TimelineEntry* now = EntryAt(stored.timeline(), as_of);
  if (now != nullptr) {
    code.set_colour(now->colour());
    code.set_measure(now->measure());
    *code.mutable_reasons() = now->reasons();
  }
  for (const v1::TimelineEntry& entry : stored.timeline()) {
    if (&entry == now || FromProto(entry.from_time()) > as_of) *code.add_timeline() = entry;
  }
  return code;
}

v1::Code CodeUnderReview(const std::string& person_id, Time as_of) {
  v1::Code code = NewCode(person_id, as_of);
  code.set_colour(v1::COLOUR_UNDER_REVIEW);
  code.set_measure(v1::MEASURE_UNSPECIFIED);
  return code;
}

}  // namespace epigrid::health_code
