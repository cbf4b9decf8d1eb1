#include "services/health_code/domain/facts.h"

#include <algorithm>

#include "common/base/proto_time.h"

namespace epigrid::health_code {
namespace {

namespace tracing = contact_tracing::v1;

// The results of one sampling: several specimens count once, and are negative only together.
struct Sampling {
  bool any_negative = false;
  bool any_other = false;
  Time sampled;
  Time reported;
};

std::vector<NegativeFact> NegativesOf(const StoredPerson& person) {
  std::map<std::string, Sampling> samplings;
  for (const auto& [key, stored] : person.evidence) {
    const v1::Evidence& evidence = stored.evidence();
    if (!evidence.has_test() || evidence.test().outcome() == v1::TEST_OUTCOME_INVALID) continue;
    const v1::TestResult& test = evidence.test();
    Sampling& sampling = samplings[evidence.source() + "/" + test.sampling_id()];
    (test.outcome() == v1::TEST_OUTCOME_NEGATIVE ? sampling.any_negative : sampling.any_other) =
        true;
    const Time sampled = FromProto(test.sampled_time());
    if (!sampling.sampled.is_set() || sampled < sampling.sampled) sampling.sampled = sampled;
    const Time reported =
        FromProto(test.has_reported_time() ? test.reported_time() : stored.recorded_time());
    sampling.reported = std::max(sampling.reported, reported);
  }
  std::vector<NegativeFact> negatives;
  for (const auto& [key, sampling] : samplings) {
    if (sampling.any_negative && !sampling.any_other) {
      negatives.push_back({sampling.sampled, sampling.reported});
    }
  }
  std::sort(negatives.begin(), negatives.end(), [](const NegativeFact& a, const NegativeFact& b) {
    return std::pair(a.sampled, a.reported) < std::pair(b.sampled, b.reported);
  });
  return negatives;
}

// One fact per class: what a household and a canteen of the same case ask for is judged each by its
// own last time.
void AddExposureFacts(const events::v1::ExposureChanged& exposure, PersonFacts& facts) {
  for (const bool close : {true, false}) {
    ExposureFact fact{.case_id = exposure.case_id(), .close = close, .first = {}, .last = {}};
    bool found = false;
    for (const tracing::SettingExposure& setting : exposure.settings()) {
      if ((setting.exposure_class() == tracing::EXPOSURE_CLASS_CLOSE) != close) continue;
      const Time first = FromProto(setting.first_time());
      fact.first = found ? std::min(fact.first, first) : first;
      fact.last = std::max(fact.last, FromProto(setting.last_time()));
      fact.ongoing |= setting.ongoing();
      found = true;
    }
    if (found) facts.exposures.push_back(std::move(fact));
  }
}

using Intervals = google::protobuf::RepeatedPtrField<events::v1::Interval>;

struct Span {
  Time from;
  Time until;
};

void Unite(std::vector<Span> spans, Intervals& out) {
  std::sort(spans.begin(), spans.end(), [](Span a, Span b) { return a.from < b.from; });
  std::vector<Span> united;
  for (const Span& span : spans) {
    if (span.from >= span.until) continue;
    if (!united.empty() && span.from <= united.back().until) {
      united.back().until = std::max(united.back().until, span.until);
    } else {
      united.push_back(span);
    }
  }
  for (const Span& span : united) {
    events::v1::Interval& interval = *out.Add();
    *interval.mutable_from_time() = ToProto(span.from);
    if (span.until != kEndOfTime) *interval.mutable_until_time() = ToProto(span.until);
  }
}

}  // namespace

PersonFacts FactsOf(const StoredPerson& person) {
  PersonFacts facts;
  for (const auto& [case_id, known] : person.cases) {
    const Time sampled = FromProto(known.sampled_time());
    const Time onset = FromProto(known.onset_time());
    const Time since = sampled.is_set() ? sampled : onset;
    facts.cases.push_back({case_id, since.is_set() ? since : FromProto(known.opened_time())});
  }
  for (const auto& [case_id, exposure] : person.exposures) AddExposureFacts(exposure, facts);
  facts.negatives = NegativesOf(person);
  return facts;
}

events::v1::IsolationChanged IsolationOf(const std::string& person_id, const StoredPerson& person) {
  std::vector<Time> discharges;
  for (const auto& [key, stored] : person.evidence) {
    if (!stored.evidence().has_discharge()) continue;
    discharges.push_back(FromProto(stored.evidence().discharge().discharge_time()));
  }
  std::sort(discharges.begin(), discharges.end());
  const auto until_discharge = [&](Time from, Time until) {
    const auto next = std::upper_bound(discharges.begin(), discharges.end(), from);
    return Span{from, next == discharges.end() ? until : std::min(until, *next)};
  };

  std::vector<Span> apart;
  std::vector<Span> separated;
  for (const auto& [key, stored] : person.evidence) {
    const v1::Evidence& evidence = stored.evidence();
    if (evidence.has_isolation_order()) {
      const v1::IsolationOrder& order = evidence.isolation_order();
      const Time end = order.has_end_time() ? FromProto(order.end_time()) : kEndOfTime;
      apart.push_back(until_discharge(FromProto(order.start_time()), end));
      if (order.measure() == v1::MEASURE_CENTRAL) separated.push_back(apart.back());
    } else if (evidence.has_transfer()) {
      apart.push_back(until_discharge(FromProto(evidence.transfer().transfer_time()), kEndOfTime));
      separated.push_back(apart.back());
    }
  }
  events::v1::IsolationChanged isolation;
  isolation.set_person_id(person_id);
  Unite(std::move(apart), *isolation.mutable_intervals());
  Unite(std::move(separated), *isolation.mutable_separations());
  return isolation;
}

}  // namespace epigrid::health_code
