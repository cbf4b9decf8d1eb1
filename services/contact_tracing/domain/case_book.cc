#include "services/contact_tracing/domain/case_book.h"

#include <algorithm>
#include <vector>

#include "common/base/ids.h"
#include "common/base/proto_time.h"
#include "services/contact_tracing/domain/case_pins.h"
#include "services/contact_tracing/domain/case_window.h"
#include "services/contact_tracing/domain/topics.h"
#include "services/contact_tracing/view/keys.h"

namespace epigrid::contact_tracing {
namespace {

using events::v1::CaseUpdateRequested;
using events::v1::TestResultChanged;
using state::v1::CaseRecord;
using state::v1::CaseTest;
using state::v1::TracedPerson;

std::string KeyOf(const TestResultChanged& test) { return test.source() + "/" + test.source_id(); }

bool IsPositive(const TestResultChanged& test) {
  return !test.withdrawn() && test.outcome() == health_code::v1::TEST_OUTCOME_POSITIVE;
}

// A fold has no randomness: the id of a case that a test opens is made from the test, with a number
// that is counted up until the id belongs to the person's shard.
std::string DeriveCaseId(const TestResultChanged& test, uint32_t shard_count) {
  const Shard shard = ShardOf(test.person_id(), shard_count);
  for (uint64_t number = 0;; ++number) {
    std::string case_id = DeriveId(kCaseId, {"test", test.person_id(), test.source(),
                                             test.source_id(), std::to_string(number)});
    if (ShardOf(case_id, shard_count) == shard) return case_id;
  }
}

std::vector<CaseRecord> LoadCases(const TracedPerson& person, const CellReader& cells) {
  std::vector<CaseRecord> records;
  for (const std::string& case_id : person.case_ids()) {
    records.push_back(*cells.GetProto<CaseRecord>(keys::Case(case_id)));
  }
  return records;
}

// Whether a new anchor may speak of this case's infection; how far away it is.
std::optional<Duration> Distance(const TracingPolicy& policy, const CaseRecord& record,
                                 Time anchor) {
  if (record.state() == v1::CASE_STATE_EXCLUDED && !record.excluded_by_tests()) {
    return std::nullopt;
  }
  const auto own = AnchorOf(record);
  if (!own) return std::nullopt;
  const Duration distance = std::max(*own, anchor) - std::min(*own, anchor);
  if (distance >= policy.reinfection) return std::nullopt;
  return distance;
}

CaseRecord* Nearest(const TracingPolicy& policy, std::vector<CaseRecord>& records, Time anchor) {
  CaseRecord* nearest = nullptr;
  std::optional<Duration> least;
  for (CaseRecord& record : records) {
    const auto distance = Distance(policy, record, anchor);
    if (!distance || (least && *least <= *distance)) continue;
    least = distance;
    nearest = &record;
  }
  return nearest;
}

CaseTest* FindTest(CaseRecord& record, const std::string& key) {
  auto& tests = *record.mutable_tests();
  const auto at = std::find_if(tests.begin(), tests.end(),
                               [&key](const CaseTest& test) { return test.key() == key; });
  return at == tests.end() ? nullptr : &*at;
}

void AddTest(CaseRecord& record, const TestResultChanged& test) {
  CaseTest& added = *record.add_tests();
  added.set_key(KeyOf(test));
  *added.mutable_sampled_time() = test.sampled_time();
  added.set_positive(true);
}

// What a case that rests on its tests alone is now.
void JudgeTests(CaseRecord& record) {
  const bool stands = std::any_of(record.tests().begin(), record.tests().end(),
                                  [](const CaseTest& test) { return test.positive(); });
  if (record.state() == v1::CASE_STATE_PROVISIONAL && !stands) {
    record.set_state(v1::CASE_STATE_EXCLUDED);
    record.set_excluded_by_tests(true);
  } else if (record.excluded_by_tests() && stands) {
    record.set_state(v1::CASE_STATE_PROVISIONAL);
    record.set_excluded_by_tests(false);
  }
}

events::v1::CaseChanged ChangedOf(const CaseRecord& record) {
  events::v1::CaseChanged changed;
  changed.set_case_id(record.case_id());
  changed.set_person_id(record.person_id());
  changed.set_state(record.state());
  if (record.has_onset_time()) *changed.mutable_onset_time() = record.onset_time();
  if (const auto sampled = SampledTime(record)) {
    *changed.mutable_sampled_time() = ToProto(*sampled);
  }
  *changed.mutable_opened_time() = record.opened_time();
  return changed;
}

// Writes the case, states its pins and publishes what has changed of it. A case that is new to the
// person was added to `person` by the caller.
void Save(const TracedPerson& person, CaseRecord& record, Work& work) {
  const auto before = work.cells.GetProto<CaseRecord>(keys::Case(record.case_id()));
  RestatePins(person, record, work);
  if (!before) {
    work.cells.SetProto(keys::Person(record.person_id()), person);
  } else if (before->SerializeAsString() == record.SerializeAsString()) {
    return;
  }
  work.cells.SetProto(keys::Case(record.case_id()), record);
  events::v1::CaseChanged changed = ChangedOf(record);
  if (before && ChangedOf(*before).SerializeAsString() == changed.SerializeAsString()) return;
  changed.set_version(VersionOf(work.context));
  Event event;
  *event.mutable_case_changed() = std::move(changed);
  work.context.Publish(std::string(kCaseTopic), record.person_id(), std::move(event));
}

CaseRecord NewCase(const std::string& case_id, const std::string& person_id, v1::CaseState state,
                   const Context& context) {
  CaseRecord record;
  record.set_case_id(case_id);
  record.set_person_id(person_id);
  record.set_state(state);
  *record.mutable_opened_time() = ToProto(std::max(context.recorded_at, context.shard_time));
  return record;
}

void SetState(CaseRecord& record, v1::CaseState state) {
  record.set_state(state);
  record.set_excluded_by_tests(false);
}

// Takes what an agency reports into a case that is open or new. The earliest of each time stands,
// so that the order of reports does not matter.
void Merge(const events::v1::OpenCase& open, CaseRecord& record) {
  if (record.state() != v1::CASE_STATE_CONFIRMED) SetState(record, open.state());
  if (open.has_onset_time() && !record.onset_corrected() &&
      (!record.has_onset_time() || FromProto(open.onset_time()) < FromProto(record.onset_time()))) {
    *record.mutable_onset_time() = open.onset_time();
  }
  if (open.has_sampled_time() &&
      (!record.has_reported_sampled_time() ||
       FromProto(open.sampled_time()) < FromProto(record.reported_sampled_time()))) {
    *record.mutable_reported_sampled_time() = open.sampled_time();
  }
}

void AnswerCase(const CaseRecord& record, Work& work) {
  work.context.Answer(
      {OkStatus(),
       MakeCase(record, ReadSlices(work.cells.GetMembers(keys::CasePins(record.case_id()))), 0)
           .SerializeAsString()});
}

Status Open(const CaseUpdateRequested& requested, Work& work) {
  const events::v1::OpenCase& open = requested.open();
  if (!IsAgencyState(open.state())) {
    return InvalidArgument("CASE_STATE_INVALID", "a case is opened as REPORTED or CONFIRMED");
  }
  CaseRecord record =
      NewCase(requested.case_id(), requested.person_id(), open.state(), work.context);
  Merge(open, record);
  const auto anchor = AnchorOf(record);
  if (!anchor) {
    return InvalidArgument("CASE_TIME_MISSING", "a case needs its onset or its sampling time");
  }
  TracedPerson person = LoadPerson(work.cells, requested.person_id());
  std::vector<CaseRecord> records = LoadCases(person, work.cells);
  if (CaseRecord* joined = Nearest(work.policy, records, *anchor)) {
    Merge(open, *joined);
    Save(person, *joined, work);
    AnswerCase(*joined, work);
    return OkStatus();
  }
  if (ShardOf(record.case_id(), work.shard_count) !=
      ShardOf(record.person_id(), work.shard_count)) {
    return InvalidArgument("CASE_ID_MISPLACED",
                           "the case id does not belong to the person's shard");
  }
  if (work.cells.Get(keys::Case(record.case_id())) != nullptr) {
    return AlreadyExists("CASE_ID_TAKEN", "there is a case of this id; propose another");
  }
  if (person.case_ids_size() >= kCasesPerPersonMax) {
    return ResourceExhausted("CASE_LIMIT", "the person has as many cases as one can have");
  }
  person.add_case_ids(record.case_id());
  Save(person, record, work);
  AnswerCase(record, work);
  return OkStatus();
}

Status Change(const CaseUpdateRequested& requested, Work& work) {
  auto record = work.cells.GetProto<CaseRecord>(keys::Case(requested.case_id()));
  if (!record) return NotFound("CASE_UNKNOWN", "there is no case of this id");
  if (requested.has_onset_time()) {
    record->set_onset_corrected(true);
    // Zero seconds: there are no symptoms.
    if (requested.onset_time().seconds() == 0) {
      record->clear_onset_time();
    } else {
      *record->mutable_onset_time() = requested.onset_time();
    }
    if (!AnchorOf(*record)) {
      return InvalidArgument("CASE_TIME_MISSING",
                             "nothing but its onset dates this case; correct it instead");
    }
  } else if (IsAgencyState(requested.state()) || requested.state() == v1::CASE_STATE_EXCLUDED) {
    SetState(*record, requested.state());
  } else {
    return InvalidArgument("CASE_STATE_INVALID", "state must be REPORTED, CONFIRMED or EXCLUDED");
  }
  Save(LoadPerson(work.cells, record->person_id()), *record, work);
  AnswerCase(*record, work);
  return OkStatus();
}

}  // namespace

void Needs(const CaseUpdateRequested& requested, const CellReader& cells, NeedSet& needs) {
  const std::string cell = keys::Case(requested.case_id());
  needs.String(cell);
  needs.Members(keys::CasePins(requested.case_id()));
  std::string person_id = requested.person_id();
  if (!requested.has_open()) {
    if (!cells.HasString(cell)) return;
    const auto record = cells.GetProto<CaseRecord>(cell);
    if (!record) return;
    person_id = record->person_id();
  }
  needs.String(keys::Person(person_id));
  if (!cells.HasString(keys::Person(person_id))) return;
  const TracedPerson person = LoadPerson(cells, person_id);
  NeedCases(person_id, person, cells, needs);
  // A new case needs the presence too.
  for (const int32_t day : person.days()) needs.String(keys::PresenceDay(person_id, day));
}

void Apply(const CaseUpdateRequested& requested, Work& work) {
  Status status = requested.has_open() ? Open(requested, work) : Change(requested, work);
  if (!status.ok()) work.context.Answer({std::move(status), {}});
}

void Needs(const TestResultChanged& test, uint32_t shard_count, const CellReader& cells,
           NeedSet& needs) {
  const std::string& person_id = test.person_id();
  needs.String(keys::Person(person_id));
  if (!cells.HasString(keys::Person(person_id))) return;
  const TracedPerson person = LoadPerson(cells, person_id);
  NeedCases(person_id, person, cells, needs);
  if (!IsPositive(test)) return;
  const std::string case_id = DeriveCaseId(test, shard_count);
  needs.String(keys::Case(case_id));
  needs.Members(keys::CasePins(case_id));
  for (const int32_t day : person.days()) needs.String(keys::PresenceDay(person_id, day));
}

void Apply(const TestResultChanged& test, Work& work) {
  TracedPerson person = LoadPerson(work.cells, test.person_id());
  std::vector<CaseRecord> records = LoadCases(person, work.cells);
  for (CaseRecord& record : records) {
    CaseTest* known = FindTest(record, KeyOf(test));
    if (known == nullptr) continue;
    known->set_positive(IsPositive(test));
    if (IsPositive(test)) *known->mutable_sampled_time() = test.sampled_time();
    JudgeTests(record);
    return Save(person, record, work);
  }
  if (!IsPositive(test)) return;
  if (CaseRecord* joined = Nearest(work.policy, records, FromProto(test.sampled_time()))) {
    if (joined->tests_size() >= kTestsPerCaseMax) return work.context.Ignore("TEST_LIMIT");
    AddTest(*joined, test);
    JudgeTests(*joined);
    return Save(person, *joined, work);
  }
  if (person.case_ids_size() >= kCasesPerPersonMax) return work.context.Ignore("CASE_LIMIT");
  CaseRecord record = NewCase(DeriveCaseId(test, work.shard_count), test.person_id(),
                              v1::CASE_STATE_PROVISIONAL, work.context);
  AddTest(record, test);
  person.add_case_ids(record.case_id());
  Save(person, record, work);
}

}  // namespace epigrid::contact_tracing
