#include "services/notification/domain/mailbox.h"

#include <xxhash.h>

#include <algorithm>

#include "common/base/proto_time.h"
#include "services/notification/domain/notification_fold.h"
#include "services/notification/view/keys.h"

namespace epigrid::notification {
Duration BackoffAfter(uint32_t failed_attempts, const std::string& message_id,
                      const state::v1::SendingConfiguration& configuration) {
  const uint64_t doubled = uint64_t{configuration.backoff_initial_ms()}
                           << std::min<uint32_t>(failed_attempts - 1, 20);
  const uint64_t pause_ms = std::min<uint64_t>(doubled, configuration.backoff_max_ms());
  const uint64_t hash = XXH3_64bits_withSeed(message_id.data(), message_id.size(), failed_attempts);
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
    Stored older = LoadKnown(person_.waiting_message_id());
    MoveTimer(older, keys::RetryTimer(Item(older.message().message_id())), Time{});
    Close(std::move(older), v1::MESSAGE_STATE_SUPERSEDED);
  }
  ForgetOldest();
  Stored stored;
  *stored.mutable_message() = std::move(message);
  stored.mutable_message()->set_state(v1::MESSAGE_STATE_DUE);
  stored.set_created_at_offset(context_.offset);
  Save(stored);
  person_.set_waiting_message_id(stored.message().message_id());
  Settle();
}

bool Mailbox::Start(const std::string& message_id, v1::Attempt attempt) {
  if (message_id.empty() || person_.offered_message_id() != message_id) return false;
  Stored stored = LoadKnown(message_id);
  MoveTimer(stored, keys::AttemptTimer(Item(message_id)),
            std::max(FromProto(attempt.start_time()), context_.shard_time) +
                std::chrono::seconds(configuration_.attempt_timeout_seconds()));
  v1::Message& message = *stored.mutable_message();
  message.set_state(v1::MESSAGE_STATE_STARTED);
  message.clear_due_time();
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
  const v1::MessageState state = stored->message().state();
  const bool late = last.outcome() == v1::ATTEMPT_OUTCOME_ABANDONED &&
                    state == v1::MESSAGE_STATE_DUE &&
                    result.outcome() == v1::ATTEMPT_OUTCOME_DELIVERED;
  if (state != v1::MESSAGE_STATE_STARTED && !late) return false;

  last.set_outcome(result.outcome());
  last.set_reason(result.reason());
  last.set_endpoint(result.endpoint());
  *last.mutable_end_time() = result.end_time();
  if (late) {  // given up as lost, but it had been sent: it is not sent again
    person_.clear_waiting_message_id();
  } else {
    MoveTimer(*stored, keys::AttemptTimer(Item(message_id)), Time{});
    person_.clear_started_message_id();
  }
  const Time ended = FromProto(result.end_time());
  if (result.outcome() == v1::ATTEMPT_OUTCOME_DELIVERED) {
    *stored->mutable_message()->mutable_delivered_time() = result.end_time();
    Close(std::move(*stored), v1::MESSAGE_STATE_DELIVERED);
  } else {
    const Time due = ended + BackoffAfter(stored->attempt_count(), message_id, configuration_);
    Reschedule(std::move(*stored), ended, result.outcome() == v1::ATTEMPT_OUTCOME_FAILED, due);
  }
  Settle();
  return true;
}

void Mailbox::Abandon(const std::string& message_id, Time now) {
  Stored stored = LoadKnown(message_id);
  EPIGRID_CHECK(stored.message().state() == v1::MESSAGE_STATE_STARTED,
                "an attempt's timer has a started message");
  stored.clear_timer_due_time();
  v1::Attempt& last = *stored.mutable_message()->mutable_attempts()->rbegin();
  last.set_outcome(v1::ATTEMPT_OUTCOME_ABANDONED);
  last.set_reason("NO_RESULT");
  *last.mutable_end_time() = ToProto(now);
  person_.clear_started_message_id();
  Reschedule(std::move(stored), now, true, Time{});
  Settle();
}

void Mailbox::Retry(const std::string& message_id) {
  Stored stored = LoadKnown(message_id);
  EPIGRID_CHECK(person_.waiting_message_id() == message_id,
                "a retry's timer has a waiting message");
  stored.clear_timer_due_time();
  stored.mutable_message()->clear_due_time();
  Save(stored);
  Settle();
}

void Mailbox::Reschedule(Stored stored, Time failed_at, bool again, Time due) {
  v1::Message& message = *stored.mutable_message();
  const Time expires =
      FromProto(message.create_time()) + std::chrono::hours(configuration_.expire_after_hours());
  if (!person_.waiting_message_id().empty()) {
    return Close(std::move(stored), v1::MESSAGE_STATE_SUPERSEDED);
  }
  if (!again || stored.attempt_count() >= configuration_.attempts_max() || failed_at >= expires) {
    return Close(std::move(stored), v1::MESSAGE_STATE_UNDELIVERABLE);
  }
  message.set_state(v1::MESSAGE_STATE_DUE);
  person_.set_waiting_message_id(message.message_id());
  if (due.is_set()) {
    *message.mutable_due_time() = ToProto(due);
    MoveTimer(stored, keys::RetryTimer(Item(message.message_id())), due);
  }
  Save(stored);
}

void Mailbox::Close(Stored stored, v1::MessageState state) {
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
      !LoadKnown(person_.waiting_message_id()).has_timer_due_time()) {
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

void Mailbox::MoveTimer(Stored& stored, const std::string& timer_id, Time due) {
  cells_.MoveTimer(timer_id, FromProto(stored.timer_due_time()), due);
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
    if (!oldest.has_value() || stored.created_at_offset() < oldest->created_at_offset()) {
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

}  // namespace epigrid::notification
