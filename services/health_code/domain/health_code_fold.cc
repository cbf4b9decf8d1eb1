#include "services/health_code/domain/health_code_fold.h"

#include <algorithm>

#include "common/base/local_day.h"
#include "common/base/proto_time.h"
#include "common/projector/version.h"
#include "services/health_code/domain/basis.h"
#include "services/health_code/domain/built_in_policy.h"
#include "services/health_code/domain/evidence_limit.h"
#include "services/health_code/domain/exposure_limit.h"
#include "services/health_code/domain/timeline.h"
#include "services/health_code/view/keys.h"

namespace epigrid::health_code {
namespace {

using state::v1::StoredCode;
using state::v1::StoredEvidence;

// The person an event is about; empty for events that are about none.
const std::string& PersonOf(const Event& event) {
  static const std::string kNone;
  switch (event.kind_case()) {
    case Event::kEvidenceObserved: return event.evidence_observed().evidence().person_id();
    case Event::kExposureChanged: return event.exposure_changed().person_id();
    case Event::kCaseChanged: return event.case_changed().person_id();
    default: return kNone;
  }
}

void NeedPerson(const std::string& person_id, NeedSet& needs) {
  needs.String(keys::kConfiguration);
  needs.String(keys::Code(person_id));
  needs.String(keys::Isolation(person_id));
  needs.Members(keys::Evidence(person_id));
  needs.Members(keys::Exposures(person_id));
  needs.Members(keys::Cases(person_id));
}

template <typename Proto>
std::map<std::string, Proto> ParseMembers(const CellReader& cells, const std::string& key) {
  std::map<std::string, Proto> parsed;
  for (const auto& [field, bytes] : cells.GetMembers(key)) {
    parsed.emplace(field, *CellReader::ParseProto<Proto>(&bytes));
  }
  return parsed;
}

StoredPerson LoadPerson(const std::string& person_id, const CellReader& cells) {
  return {
      .evidence = ParseMembers<StoredEvidence>(cells, keys::Evidence(person_id)),
      .exposures = ParseMembers<events::v1::ExposureChanged>(cells, keys::Exposures(person_id)),
      .cases = ParseMembers<events::v1::CaseChanged>(cells, keys::Cases(person_id)),
  };
}

StoredCode StoredCodeOf(const std::string& person_id, const CellReader& cells) {
  return cells.GetProto<StoredCode>(keys::Code(person_id)).value_or(StoredCode());
}

// Whether the person was still to be told of the exposure.
bool ForgetUntold(const std::string& case_id, StoredCode& code) {
  auto& untold = *code.mutable_untold_exposures();
  const auto end = std::remove_if(untold.begin(), untold.end(),
                                  [&](const auto& one) { return one.case_id() == case_id; });
  const bool found = end != untold.end();
  untold.erase(end, untold.end());
  return found;
}

// Of the exposures that the person is still to be told of, those that have begun are told together,
// under the case of the first of them; empty: none.
std::string TakeBegun(Time shard_time, StoredCode& code) {
  std::string case_id;
  auto& untold = *code.mutable_untold_exposures();
  const auto end = std::remove_if(untold.begin(), untold.end(), [&](const auto& one) {
    if (FromProto(one.first_time()) > shard_time) return false;
    if (case_id.empty()) case_id = one.case_id();
    return true;
  });
  untold.erase(end, untold.end());
  return case_id;
}

BuiltInPolicy PolicyInForce(const CellReader& cells) {
  state::v1::PolicyConfiguration configuration =
      cells.GetProto<state::v1::PolicyConfiguration>(keys::kConfiguration)
          .value_or(DefaultPolicyConfiguration());
  Result<TimeZone> zone = TimeZone::Load(configuration.time_zone());
  EPIGRID_CHECK(zone.ok(), "the policy's time zone was checked before it was configured");
  return BuiltInPolicy(std::move(configuration), std::move(zone).value());
}

// What cannot be read must not come into force: every event looks at it.
void ApplyConfigured(const std::string& bytes, Cells& cells, Context& context) {
  state::v1::PolicyConfiguration configuration;
  if (!configuration.ParseFromString(bytes) || !IsValid(configuration)) {
    return context.Ignore("CONFIGURATION_INVALID");
  }
  cells.Set(keys::kConfiguration, bytes);
}

// Lets go of an exposure if there are too many; false: it is this one.
bool MakeRoom(const events::v1::ExposureChanged& exposure, Cells& cells) {
  const std::string key = keys::Exposures(exposure.person_id());
  auto exposures = ParseMembers<events::v1::ExposureChanged>(cells, key);
  exposures[exposure.case_id()] = exposure;
  const std::string let_go = ExposureToLetGo(exposures);
  if (let_go == exposure.case_id()) return false;
  if (!let_go.empty()) cells.DeleteMember(key, let_go);
  return true;
}

Event TestResultEvent(const v1::Evidence& stands, const v1::TestResult& test, uint64_t version) {
  Event event;
  events::v1::TestResultChanged& changed = *event.mutable_test_result_changed();
  changed.set_person_id(stands.person_id());
  changed.set_source(stands.source());
  changed.set_source_id(stands.source_id());
  changed.set_version(version);
  changed.set_outcome(test.outcome());
  *changed.mutable_sampled_time() = test.sampled_time();
  changed.set_withdrawn(!stands.has_test());
  return event;
}

}  // namespace

std::vector<std::string> HealthCodeFold::subscriptions() const {
  return {"contact_tracing.exposure.v1", "contact_tracing.case.v1"};
}

std::string HealthCodeFold::Route(const Event& foreign) const { return PersonOf(foreign); }

std::vector<std::string> HealthCodeFold::publications() const {
  return {std::string(kTestResultTopic), std::string(kIsolationTopic), std::string(kCodeTopic)};
}

std::vector<std::string> HealthCodeFold::Entities(const Event& event) const {
  const std::string& entity =
      event.has_basis_named() ? event.basis_named().case_id() : PersonOf(event);
  if (entity.empty()) return {};
  return {entity};
}

void HealthCodeFold::Needs(const Event& event, const CellReader&, NeedSet& needs) const {
  if (event.has_configured()) {
    needs.String(keys::kConfiguration);
  } else if (event.has_basis_named()) {
    NeedsOfBasis(event.basis_named(), needs);
  } else if (const std::string& person_id = PersonOf(event); !person_id.empty()) {
    NeedPerson(person_id, needs);
    if (event.has_case_changed()) {
      needs.String(keys::KnownCase(event.case_changed().case_id()));
    }
  }
}

void HealthCodeFold::Apply(const Event& event, Cells& cells, Context& context) const {
  if (!event.has_configured() && Entities(event).empty()) {
    return context.Ignore("EVENT_NOT_OF_THIS_SERVICE");
  }
  switch (event.kind_case()) {
    case Event::kConfigured:
      ApplyConfigured(event.configured().configuration(), cells, context);
      break;
    case Event::kEvidenceObserved:
      ApplyEvidence(event.evidence_observed().evidence(), cells, context);
      break;
    case Event::kExposureChanged: ApplyExposure(event.exposure_changed(), cells, context); break;
    case Event::kCaseChanged: ApplyCase(event.case_changed(), cells, context); break;
    case Event::kBasisNamed: ApplyBasis(event.basis_named(), cells, context); break;
    default: break;  // nobody else is an entity
  }
}

void HealthCodeFold::ApplyEvidence(const v1::Evidence& evidence, Cells& cells,
                                   Context& context) const {
  const std::string& person_id = evidence.person_id();
  const std::string key = keys::Evidence(person_id);
  const std::string field = evidence.source() + "/" + evidence.source_id();
  StoredPerson person = LoadPerson(person_id, cells);
  const auto known = person.evidence.find(field);
  StoredEvidence before;
  if (known != person.evidence.end()) {
    before = known->second;
    if (evidence.revision() < before.evidence().revision()) {
      return context.Ignore("EVIDENCE_SUPERSEDED");
    }
    if (evidence.revision() == before.evidence().revision()) {
      if (evidence.SerializeAsString() != before.evidence().SerializeAsString()) {
        context.Ignore("EVIDENCE_CONFLICT");
      }
      return;
    }
  }
  StoredEvidence stored;
  *stored.mutable_evidence() = evidence;
  *stored.mutable_recorded_time() = ToProto(context.recorded_at);
  person.evidence[field] = stored;
  if (const std::string let_go = EvidenceToLetGo(person.evidence, field); !let_go.empty()) {
    if (let_go == field && known == person.evidence.end()) return context.Ignore("EVIDENCE_LIMIT");
    person.evidence.erase(let_go);
    cells.DeleteMember(key, let_go);
  }
  if (person.evidence.contains(field)) cells.SetMemberProto(key, field, stored);
  // Taken in all the same: the first revision may come last. Or it was told of somebody else.
  if (known == person.evidence.end() && evidence.revision() > 1) {
    context.Ignore("FIRST_REVISION_MISSING");
  }

  NameBasis(evidence, before.evidence(), context);
  if (evidence.has_test() || before.evidence().has_test()) {
    const v1::TestResult& test = evidence.has_test() ? evidence.test() : before.evidence().test();
    context.Publish(std::string(kTestResultTopic), person_id,
                    TestResultEvent(evidence, test, VersionOf(context)));
  }
  PublishIsolation(person_id, person, cells, context);
  Recompute(person_id, person, StoredCodeOf(person_id, cells), cells, context);
}

void HealthCodeFold::ApplyExposure(const events::v1::ExposureChanged& exposure, Cells& cells,
                                   Context& context) const {
  const std::string key = keys::Exposures(exposure.person_id());
  const bool known = cells.GetMembers(key).contains(exposure.case_id());
  const bool holds = !exposure.settings().empty();
  StoredCode code = StoredCodeOf(exposure.person_id(), cells);
  const bool untold = ForgetUntold(exposure.case_id(), code);
  if (!holds) {
    cells.DeleteMember(key, exposure.case_id());
  } else {
    if (!known && !MakeRoom(exposure, cells)) return context.Ignore("EXPOSURE_LIMIT");
    cells.SetMemberProto(key, exposure.case_id(), exposure);
    if (!known || untold) {
      state::v1::UntoldExposure& added = *code.add_untold_exposures();
      added.set_case_id(exposure.case_id());
      *added.mutable_first_time() = exposure.first_time();
    }
  }
  Recompute(exposure.person_id(), LoadPerson(exposure.person_id(), cells), std::move(code), cells,
            context);
}

void HealthCodeFold::ApplyCase(const events::v1::CaseChanged& changed, Cells& cells,
                               Context& context) const {
  KnowCase(changed, cells);
  const std::string key = keys::Cases(changed.person_id());
  if (changed.state() == contact_tracing::v1::CASE_STATE_EXCLUDED) {
    cells.DeleteMember(key, changed.case_id());
  } else {
    cells.SetMemberProto(key, changed.case_id(), changed);
  }
  Recompute(changed.person_id(), LoadPerson(changed.person_id(), cells),
            StoredCodeOf(changed.person_id(), cells), cells, context);
}

void HealthCodeFold::PublishIsolation(const std::string& person_id, const StoredPerson& person,
                                      Cells& cells, Context& context) const {
  const std::string key = keys::Isolation(person_id);
  events::v1::IsolationChanged isolation = IsolationOf(person_id, person);
  events::v1::IsolationChanged before =
      cells.GetProto<events::v1::IsolationChanged>(key).value_or(events::v1::IsolationChanged());
  before.clear_version();
  if (before.person_id().empty() && isolation.intervals().empty()) return;
  if (before.SerializeAsString() == isolation.SerializeAsString()) return;
  isolation.set_version(VersionOf(context));
  cells.SetProto(key, isolation);
  Event event;
  *event.mutable_isolation_changed() = std::move(isolation);
  context.Publish(std::string(kIsolationTopic), person_id, std::move(event));
}

void HealthCodeFold::Recompute(const std::string& person_id, const StoredPerson& person,
                               StoredCode code, Cells& cells, Context& context) const {
  const PersonFacts facts = FactsOf(person);
  const StoredCode before = code;
  *code.mutable_timeline() = MakeTimeline(PolicyInForce(cells).Holds(facts), context.shard_time);
  code.clear_last_negative_sampled_time();
  if (!facts.negatives.empty()) {
    *code.mutable_last_negative_sampled_time() = ToProto(facts.negatives.back().sampled);
  }
  if (code.SerializeAsString() != before.SerializeAsString()) code.set_version(VersionOf(context));
  PublishCode(person_id, std::move(code), cells, context);
}

void HealthCodeFold::PublishCode(const std::string& person_id, StoredCode code, Cells& cells,
                                 Context& context) const {
  static const v1::TimelineEntry kGreen = [] {
    v1::TimelineEntry green;
    green.set_colour(v1::COLOUR_GREEN);
    green.set_measure(v1::MEASURE_NONE);
    return green;
  }();
  const v1::TimelineEntry* now = EntryAt(code.timeline(), context.shard_time);
  if (now == nullptr) now = &kGreen;
  if (code.published_colour() == v1::COLOUR_UNSPECIFIED) {
    code.set_published_colour(kGreen.colour());
    code.set_published_measure(kGreen.measure());
  }
  const std::string newly_exposing_case_id = TakeBegun(context.shard_time, code);
  if (now->colour() != code.published_colour() || now->measure() != code.published_measure() ||
      !newly_exposing_case_id.empty()) {
    Event event;
    events::v1::CodeChanged& changed = *event.mutable_code_changed();
    changed.set_person_id(person_id);
    changed.set_version(VersionOf(context));
    changed.set_colour(now->colour());
    changed.set_measure(now->measure());
    *changed.mutable_reasons() = now->reasons();
    changed.set_previous_colour(code.published_colour());
    changed.set_previous_measure(code.published_measure());
    if (now->has_from_time()) *changed.mutable_since_time() = now->from_time();
    changed.set_newly_exposing_case_id(newly_exposing_case_id);
    context.Publish(std::string(kCodeTopic), person_id, std::move(event));
    code.set_published_colour(now->colour());
    code.set_published_measure(now->measure());
    code.set_version(VersionOf(context));
  }
  const Time armed = FromProto(code.timer_due_time());
  Time next = NextChange(code.timeline(), context.shard_time);
  for (const auto& untold : code.untold_exposures()) {
    next = std::min(next, FromProto(untold.first_time()));
  }
  const Time due = next == kEndOfTime ? Time{} : next;
  cells.MoveTimer(keys::CodeTimer(person_id), armed, due);
  if (due.is_set()) {
    *code.mutable_timer_due_time() = ToProto(due);
  } else {
    code.clear_timer_due_time();
  }
  cells.SetProto(keys::Code(person_id), code);
}

std::string HealthCodeFold::TimerEntity(const Timer& timer) const {
  if (IsBasisTimer(timer)) return EntityOfBasisTimer(timer);
  return timer.id.substr(keys::kCodeTimerPrefix.size());
}

void HealthCodeFold::TimerNeeds(const Timer& timer, const CellReader&, NeedSet& needs) const {
  if (IsBasisTimer(timer)) return NeedsOfBasisTimer(timer, needs);
  needs.String(timer.id);  // the code's timer is named as the code's cell
}

void HealthCodeFold::FireTimer(const Timer& timer, Cells& cells, Context& context) const {
  if (IsBasisTimer(timer)) return FireBasisTimer(timer, cells, context);
  std::optional<StoredCode> code = cells.GetProto<StoredCode>(timer.id);
  EPIGRID_CHECK(code.has_value(), "a code's timer has a code");
  code->clear_timer_due_time();
  const int entries = code->timeline_size();
  MoveOn(*code->mutable_timeline(), context.shard_time);
  if (code->timeline_size() != entries) code->set_version(VersionOf(context));
  PublishCode(timer.id.substr(keys::kCodeTimerPrefix.size()), *std::move(code), cells, context);
}

}  // namespace epigrid::health_code
