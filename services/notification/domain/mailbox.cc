#include "services/notification/domain/mailbox.h"

#include <xxhash.h>

#include <algorithm>

#include "common/base/proto_time.h"
#include "common/projector/version.h"
#include "services/notification/domain/notification_fold.h"
#include "services/notification/domain/templates.h"
#include "services/notification/view/keys.h"

namespace epigrid::notification {
namespace {

// Shard time stands still while nobody owns the shard; a worker's clock that is ahead by more is
// taken to be wrong.
constexpr Duration kWorkerLeadMax = std::chrono::minutes(10);

// How many of the last attempts found nobody to send to, or how many of them did not.
uint32_t InARow(const v1::Message& message) {
  const auto reached = [](const v1::Attempt& attempt) {
    return attempt.outcome() != v1::ATTEMPT_OUTCOME_UNREACHABLE;
  };
  const auto& attempts = message.attempts();
  const auto other = std::find_if(
      attempts.rbegin(), attempts.rend(),
      [&](const v1::Attempt& attempt) { return reached(attempt) != reached(*attempts.rbegin()); });
  return static_cast<uint32_t>(other - attempts.rbegin());
}

}  // namespace

Duration BackoffAfter(v1::AttemptOutcome outcome, uint32_t attempts_in_a_row,
                      const std::string& message_id,
                      const state::v1::SendingConfiguration& configuration) {
  const bool unreachable = outcome == v1::ATTEMPT_OUTCOME_UNREACHABLE;
  const uint64_t initial_ms =
      unreachable ? configuration.backoff_max_ms() : configuration.backoff_initial_ms();
  const uint64_t doubled = initial_ms << std::min<uint32_t>(attempts_in_a_row - 1, 20);
  const uint64_t pause_ms =
      unreachable ? doubled : std::min<uint64_t>(doubled, configuration.backoff_max_ms());
  const uint64_t hash =
      XXH3_64bits_withSeed(message_id.data(), message_id.size(), attempts_in_a_row);
  const uint64_t permille = 750 + hash % 501;
  return Duration(pause_ms * permille);  // ms times permille is microseconds
}

void Mailbox::Needs(const std::string& person_id, NeedSet& needs) {
  needs.String(keys::kConfiguration);
  needs.String(keys::Person(person_id));
  needs.Members(keys::Messages(person_id));
}

Mailbox::Mailbox(std::string person_id, Cells& cells, Context& context)
    : person_id_(std::move(person_id)),
      cells_(cells),
      context_(context),
      configuration_(cells.GetProto<state::v1::SendingConfiguration>(keys::kConfiguration)
                         .value_or(DefaultSendingConfiguration())),
      before_(cells.GetProto<state::v1::StoredPerson>(keys::Person(person_id_))
                  .value_or(state::v1::StoredPerson())),
      person_(before_) {}

bool Mailbox::Has(const std::string& message_id) const { return Load(message_id).has_value(); }

void Mailbox::Add(v1::Message message) {
  if (!person_.waiting_message_id().empty()) {
    Close(LoadKnown(person_.waiting_message_id()), v1::MESSAGE_STATE_SUPERSEDED);
  }
  ForgetOldest();
  Stored stored;
  *stored.mutable_message() = std::move(message);
  stored.set_created_at_version(VersionOf(context_));
  if (context_.shard_time.is_set()) *stored.mutable_arose_time() = ToProto(context_.shard_time);
  Wait(stored, Time{});
  Save(stored);
  Settle();
}

bool Mailbox::Start(const std::string& message_id, v1::Attempt attempt) {
  if (message_id.empty() || person_.offered_message_id() != message_id) return false;
  Stored stored = LoadKnown(message_id);
  const Time started = Believed(FromProto(attempt.start_time()), stored);
  if (started >= ExpiryOf(stored)) {
    person_.clear_waiting_message_id();
    Close(std::move(stored), v1::MESSAGE_STATE_UNDELIVERABLE);
    Settle();
    return false;
  }
  MoveTimer(stored, started + std::chrono::seconds(configuration_.attempt_timeout_seconds()));
  v1::Message& message = *stored.mutable_message();
  message.set_state(v1::MESSAGE_STATE_STARTED);
  // What told the change may have been superseded, or given up.
  message.set_template_name(std::string(TemplateOf(message)));
  if (message.attempts_size() == kAttemptsListedMax) {
    message.mutable_attempts()->DeleteSubrange(0, 1);
  }
  *message.add_attempts() = std::move(attempt);
  stored.set_attempt_count(stored.attempt_count() + 1);
  Save(stored);
  person_.clear_waiting_message_id();
  person_.set_started_message_id(message_id);
  Settle();
  return true;
}

bool Mailbox::Finish(const std::string& message_id, const v1::Attempt& result) {
  std::optional<Stored> stored = Load(message_id);
  if (!stored.has_value() || stored->message().attempts().empty()) return false;
  v1::Attempt& last = *stored->mutable_message()->mutable_attempts()->rbegin();
  if (last.attempt_id() != result.attempt_id()) return false;
  const bool delivered = result.outcome() == v1::ATTEMPT_OUTCOME_DELIVERED;
  // Given up as lost, but it had been sent: it is not sent again.
  const bool late = last.outcome() == v1::ATTEMPT_OUTCOME_ABANDONED && delivered;
  if (stored->message().state() != v1::MESSAGE_STATE_STARTED && !late) return false;

  last.set_outcome(result.outcome());
  last.set_reason(result.reason());
  last.set_endpoint(result.endpoint());
  *last.mutable_end_time() = result.end_time();
  if (person_.started_message_id() == message_id) person_.clear_started_message_id();
  if (person_.waiting_message_id() == message_id) person_.clear_waiting_message_id();
  if (delivered) {
    *stored->mutable_message()->mutable_delivered_time() = result.end_time();
    if (stored->created_at_version() > person_.told_version()) {
      person_.set_told_colour(stored->message().colour());
      person_.set_told_measure(stored->message().measure());
      person_.set_told_version(stored->created_at_version());
    }
    Close(std::move(*stored), v1::MESSAGE_STATE_DELIVERED);
  } else {
    const Time ended = Believed(FromProto(result.end_time()), *stored);
    const Time due = ended + BackoffAfter(result.outcome(), InARow(stored->message()), message_id,
                                          configuration_);
    Reschedule(std::move(*stored), ended, result.outcome() != v1::ATTEMPT_OUTCOME_REFUSED, due);
  }
  Settle();
  return true;
}

void Mailbox::OnTimer(const std::string& message_id, Time now) {
  Stored stored = LoadKnown(message_id);
  stored.clear_timer_due_time();  // it has been taken out of the timers
  if (stored.message().state() == v1::MESSAGE_STATE_STARTED) {
    Abandon(std::move(stored), now);
  } else {
    EPIGRID_CHECK(person_.waiting_message_id() == message_id,
                  "a timer belongs to a message that is under way");
    if (now >= ExpiryOf(stored)) {
      person_.clear_waiting_message_id();
      Close(std::move(stored), v1::MESSAGE_STATE_UNDELIVERABLE);
    } else {
      Wait(stored, Time{});
      Save(stored);
    }
  }
  Settle();
}

std::string_view Mailbox::TemplateOf(const v1::Message& message) const {
  if (message.template_name() == kCodeChangedTemplate) return kCodeChangedTemplate;
  const bool none = person_.told_version() == 0;  // nobody is told that the code is green at first
  const bool stays =
      message.colour() == (none ? health_code::v1::COLOUR_GREEN : person_.told_colour()) &&
      message.measure() == (none ? health_code::v1::MEASURE_NONE : person_.told_measure());
  if (!stays) return kCodeChangedTemplate;
  return none ? kFirstExposedTemplate : kNewlyExposedTemplate;
}

void Mailbox::Abandon(Stored stored, Time now) {
  v1::Attempt& last = *stored.mutable_message()->mutable_attempts()->rbegin();
  last.set_outcome(v1::ATTEMPT_OUTCOME_ABANDONED);
  last.set_reason("NO_RESULT");
  *last.mutable_end_time() = ToProto(now);
  person_.clear_started_message_id();
  Reschedule(std::move(stored), now, true, Time{});
}

void Mailbox::Reschedule(Stored stored, Time failed_at, bool again, Time due) {
  if (!person_.waiting_message_id().empty()) {
    return Close(std::move(stored), v1::MESSAGE_STATE_SUPERSEDED);
  }
  if (!again || stored.attempt_count() >= configuration_.attempts_max() ||
      failed_at >= ExpiryOf(stored)) {
    return Close(std::move(stored), v1::MESSAGE_STATE_UNDELIVERABLE);
  }
  Wait(stored, due);
  Save(stored);
}

void Mailbox::Wait(Stored& stored, Time due) {
  v1::Message& message = *stored.mutable_message();
  message.set_state(v1::MESSAGE_STATE_DUE);
  person_.set_waiting_message_id(message.message_id());
  const Time expiry = ExpiryOf(stored);
  if (due.is_set()) {
    due = std::min(due, expiry);
    *message.mutable_due_time() = ToProto(due);
    MoveTimer(stored, due);
  } else {
    message.clear_due_time();
    MoveTimer(stored, expiry);
  }
}

void Mailbox::Close(Stored stored, v1::MessageState state) {
  MoveTimer(stored, Time{});
  v1::Message& message = *stored.mutable_message();
  message.set_state(state);
  message.clear_due_time();
  Event event;
  events::v1::DeliveryChanged& changed = *event.mutable_delivery_changed();
  changed.set_message_id(message.message_id());
  changed.set_person_id(person_id_);
  changed.set_version(context_.offset);
  changed.set_state(state);
  context_.Publish(std::string(kDeliveryTopic), person_id_, std::move(event));
  Save(stored);
}

void Mailbox::Settle() {
  person_.clear_offered_message_id();
  if (!person_.waiting_message_id().empty() && person_.started_message_id().empty() &&
      !LoadKnown(person_.waiting_message_id()).message().has_due_time()) {
    person_.set_offered_message_id(person_.waiting_message_id());
  }
  MoveIndex(keys::kDueIndex, before_.offered_message_id(), person_.offered_message_id());
  MoveIndex(keys::kStartedIndex, before_.started_message_id(), person_.started_message_id());
  cells_.SetProto(keys::Person(person_id_), person_);
}

void Mailbox::MoveIndex(const std::string& index, const std::string& from_message_id,
                        const std::string& to_message_id) {
  if (from_message_id == to_message_id) return;
  if (!from_message_id.empty()) cells_.RemoveFromIndex(index, Item(from_message_id));
  if (!to_message_id.empty()) cells_.AddToIndex(index, Item(to_message_id));
}

void Mailbox::MoveTimer(Stored& stored, Time due) {
  cells_.MoveTimer(keys::Timer(Item(stored.message().message_id())),
                   FromProto(stored.timer_due_time()), due);
  if (due.is_set()) {
    *stored.mutable_timer_due_time() = ToProto(due);
  } else {
    stored.clear_timer_due_time();
  }
}

void Mailbox::ForgetOldest() {
  const auto& messages = cells_.GetMembers(keys::Messages(person_id_));
  if (messages.size() < kMessagesPerPersonMax) return;
  std::optional<Stored> oldest;
  for (const auto& [message_id, bytes] : messages) {
    if (message_id == person_.started_message_id()) continue;
    Stored stored = *CellReader::ParseProto<Stored>(&bytes);
    if (!oldest.has_value() || stored.created_at_version() < oldest->created_at_version()) {
      oldest = std::move(stored);
    }
  }
  cells_.DeleteMember(keys::Messages(person_id_), oldest->message().message_id());
}

std::optional<Mailbox::Stored> Mailbox::Load(const std::string& message_id) const {
  const auto& messages = cells_.GetMembers(keys::Messages(person_id_));
  const auto found = messages.find(message_id);
  if (found == messages.end()) return std::nullopt;
  return CellReader::ParseProto<Stored>(&found->second);
}

Mailbox::Stored Mailbox::LoadKnown(const std::string& message_id) const {
  std::optional<Stored> stored = Load(message_id);
  EPIGRID_CHECK(stored.has_value(), "a message that is under way is kept");
  return std::move(*stored);
}

void Mailbox::Save(const Stored& stored) {
  Stored saved = stored;
  saved.set_version(context_.offset);
  cells_.SetMemberProto(keys::Messages(person_id_), saved.message().message_id(), saved);
}

std::string Mailbox::Item(const std::string& message_id) const {
  return keys::WorkItem(person_id_, message_id);
}

Time Mailbox::ExpiryOf(const Stored& stored) const {
  const Time created = FromProto(stored.message().create_time());
  return std::max(created, FromProto(stored.arose_time())) +
         std::chrono::hours(configuration_.expire_after_hours());
}

Time Mailbox::Believed(Time told, const Stored& stored) const {
  const Time now = context_.shard_time.is_set() ? context_.shard_time
                                                : FromProto(stored.message().create_time());
  return std::clamp(told, now, now + kWorkerLeadMax);
}

}  // namespace epigrid::notification
