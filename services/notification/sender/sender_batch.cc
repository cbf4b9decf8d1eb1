// What becomes of messages that were found offered: resolved, started, sent, finished.
#include <algorithm>

#include "common/base/proto_time.h"
#include "common/log/log.h"
#include "services/notification/domain/templates.h"
#include "services/notification/sender/sender_state.h"
#include "services/notification/view/keys.h"

namespace epigrid::notification {
namespace {

constexpr IdKind kAttemptId{"attempt"};
// How long a sender waits for a fold that is behind before it says so, and at all.
constexpr Duration kAppliedWait = std::chrono::seconds(10);
constexpr Duration kAppliedWaitMax = std::chrono::minutes(10);
// How long it waits for what may or may not be in the log.
constexpr Duration kUnknownWait = std::chrono::seconds(5);
constexpr Duration kRetryPause = std::chrono::milliseconds(200);

// "COLOUR_YELLOW" without its "COLOUR_".
std::string WithoutPrefix(const std::string& name, std::string_view prefix) {
  return name.substr(prefix.size());
}

OutgoingMessage OutgoingOf(const v1::Message& message, const std::string& address,
                           const ResolvedContact& contact) {
  const About about = contact.guardian_answers ? About::kDependant : About::kAddressee;
  return {.message_id = message.message_id(),
          .address = address,
          .language = contact.language == "en" ? "en" : "zh",
          .template_name = message.template_name(),
          .about = about == About::kDependant ? "dependant" : "addressee",
          .text = MessageText(message, contact.language, about),
          .colour = WithoutPrefix(health_code::v1::Colour_Name(message.colour()), "COLOUR_"),
          .measure = WithoutPrefix(health_code::v1::Measure_Name(message.measure()), "MEASURE_"),
          .created = FromProto(message.create_time())};
}

// Why a person cannot be sent to: erased is for good, unknown may become known, and whatever else
// identity says of this one person is for its operator to mend.
v1::AttemptOutcome OutcomeOf(const Status& unresolved) {
  switch (unresolved.code()) {
    case Code::kFailedPrecondition: return v1::ATTEMPT_OUTCOME_REFUSED;
    case Code::kNotFound: return v1::ATTEMPT_OUTCOME_UNREACHABLE;
    default: return v1::ATTEMPT_OUTCOME_FAILED;
  }
}

// What an attempt comes to that several contact points answered: the most hopeful of it.
bool IsMoreHopeful(v1::AttemptOutcome outcome, v1::AttemptOutcome than) {
  constexpr v1::AttemptOutcome kFromWorst[] = {
      v1::ATTEMPT_OUTCOME_UNSPECIFIED, v1::ATTEMPT_OUTCOME_REFUSED, v1::ATTEMPT_OUTCOME_FAILED,
      v1::ATTEMPT_OUTCOME_DELIVERED};
  return std::ranges::find(kFromWorst, outcome) > std::ranges::find(kFromWorst, than);
}

bool IsAttempt(const std::optional<state::v1::StoredMessage>& stored,
               const std::string& attempt_id) {
  return stored.has_value() && stored->message().state() == v1::MESSAGE_STATE_STARTED &&
         stored->message().attempts_size() > 0 &&
         stored->message().attempts().rbegin()->attempt_id() == attempt_id;
}

}  // namespace

Task<void> Sender::State::SendBatch(std::vector<std::string> items) {
  std::vector<Letter> letters = co_await Resolve(std::move(items));
  if (letters.empty()) co_return;
  const Stored messages = co_await StartAttempts(letters);
  for (size_t i = 0; i < letters.size(); ++i) {
    if (i < messages.size() && IsAttempt(messages[i], letters[i].attempt_id)) {
      letters[i].until = FromProto(messages[i]->timer_due_time());
      tasks_.Begin(Deliver(std::move(letters[i]), messages[i]->message()));
    } else {
      Release(letters[i].message);
    }
  }
}

// Each with where the person can be reached, or why that is not known; none: nobody could be asked.
Task<std::vector<Sender::State::Letter>> Sender::State::Resolve(std::vector<std::string> items) {
  std::vector<Letter> letters(items.size());
  std::vector<std::string> people(items.size());
  for (size_t i = 0; i < items.size(); ++i) {
    auto [person_id, message_id] = keys::SplitWorkItem(items[i]);
    people[i] = person_id;
    letters[i].message = {std::move(person_id), std::move(message_id)};
  }
  Result<std::vector<ResolvedContact>> contacts = co_await contacts_.Resolve(std::move(people));
  if (contacts.ok()) {
    pause_ = Duration(0);
  } else {
    BackOff("identity", contacts.status());
  }
  if (draining_ || !contacts.ok()) {
    for (const Letter& letter : letters) Release(letter.message);
    co_return std::vector<Letter>();
  }
  for (size_t i = 0; i < letters.size(); ++i) letters[i].contact = std::move((*contacts)[i]);
  co_return letters;
}

// The messages as they stand once the attempts are decided; empty: none was begun.
Task<Sender::State::Stored> Sender::State::StartAttempts(std::vector<Letter>& letters) {
  const Time now = scheduler_.Now();
  std::vector<PersonEvent> events(letters.size());
  for (size_t i = 0; i < letters.size(); ++i) {
    Letter& letter = letters[i];
    letter.attempt_id = MakeId(kAttemptId, random_.NextIdBytes());
    events[i].person_id = letter.message.person_id;
    events::v1::AttemptStarted& started = *events[i].event.mutable_attempt_started();
    started.set_person_id(letter.message.person_id);
    started.set_message_id(letter.message.message_id);
    started.set_attempt_id(letter.attempt_id);
    *started.mutable_start_time() = ToProto(now);
  }
  Result<std::vector<ShardPosition>> appended = co_await outbox_.Append(std::move(events));
  if (!appended.ok()) {
    BackOff("log", appended.status());
    if (appended.status().reason() != "OUTCOME_UNKNOWN") co_return Stored();
  }
  co_return co_await ReadStarted(letters, std::move(appended));
}

// `appended`: where the attempts are, or that it is unknown whether they are anywhere.
Task<Sender::State::Stored> Sender::State::ReadStarted(
    const std::vector<Letter>& letters, Result<std::vector<ShardPosition>> appended) {
  std::vector<MessageRef> refs;
  for (const Letter& letter : letters) refs.push_back(letter.message);
  // A fold that is behind gives an attempt its full time from when it comes to it, so there is no
  // hurry. What is not applied in the end is given up by the fold.
  // Not by the wall clock, which may be set back meanwhile.
  const Future<Done> late = scheduler_.Sleep(appended.ok() ? kAppliedWaitMax : kUnknownWait);
  for (;;) {
    Status problem = OkStatus();
    if (appended.ok()) {
      problem = co_await outbox_.AwaitApplied(*appended, scheduler_.Now() + kAppliedWait);
    }
    if (problem.ok()) {
      Result<Stored> messages = co_await outbox_.Read(refs);
      problem = messages.status();
      bool settled = messages.ok() && (appended.ok() || late.ready());
      if (messages.ok() && !settled) {
        settled =
            std::ranges::equal(letters, *messages, [](const Letter& letter, const auto& read) {
              return IsAttempt(read, letter.attempt_id);
            });
      }
      if (settled) co_return *std::move(messages);
    }
    if (!problem.ok()) {
      EPIGRID_LOG_WARN("notification.attempts_not_applied", {"attempts", letters.size()},
                       {problem});
    }
    if (late.ready()) co_return Stored();
    co_await scheduler_.Sleep(kRetryPause);
  }
}

Task<void> Sender::State::Deliver(Letter letter, v1::Message message) {
  events::v1::AttemptFinished finished = co_await Send(letter, message);
  finished.set_person_id(letter.message.person_id);
  finished.set_message_id(letter.message.message_id);
  finished.set_attempt_id(letter.attempt_id);
  const Time now = scheduler_.Now();
  *finished.mutable_end_time() = ToProto(now);
  if (observer_ != nullptr) {
    observer_->OnAttempt(finished.outcome());
    if (finished.outcome() == v1::ATTEMPT_OUTCOME_DELIVERED) {
      observer_->OnDelivered(now - FromProto(message.create_time()));
    }
  }
  Finish(std::move(finished));
}

Task<events::v1::AttemptFinished> Sender::State::Send(const Letter& letter,
                                                      const v1::Message& message) {
  events::v1::AttemptFinished finished;
  if (const Status& status = letter.contact.status; !status.ok()) {
    finished.set_outcome(OutcomeOf(status));
    finished.set_reason(status.reason());
    co_return finished;
  }
  if (letter.contact.contact_points.empty()) {
    finished.set_outcome(v1::ATTEMPT_OUTCOME_UNREACHABLE);
    finished.set_reason("NO_CONTACT_POINT");
  }
  for (const ContactPoint& point : letter.contact.contact_points) {
    const SendResult result = co_await SendTo(point, letter, message);
    if (IsMoreHopeful(result.outcome, finished.outcome())) {
      finished.set_outcome(result.outcome);
      finished.set_reason(result.reason);
      finished.set_endpoint(point.endpoint);
    }
    if (result.outcome == v1::ATTEMPT_OUTCOME_DELIVERED) break;
  }
  co_return finished;
}

Task<SendResult> Sender::State::SendTo(const ContactPoint& point, const Letter& letter,
                                       const v1::Message& message) {
  const auto channel = channels_.find(point.endpoint);
  if (channel == channels_.end()) {
    co_return SendResult{.outcome = v1::ATTEMPT_OUTCOME_FAILED, .reason = "ENDPOINT_UNKNOWN"};
  }
  if (scheduler_.Now() + options_.send_timeout > letter.until) {
    co_return SendResult{.outcome = v1::ATTEMPT_OUTCOME_FAILED, .reason = "TOO_LATE"};
  }
  co_return co_await channel->second->Send(OutgoingOf(message, point.address, letter.contact));
}

void Sender::State::Finish(events::v1::AttemptFinished finished) {
  finished_.push_back(std::move(finished));
  if (!std::exchange(appending_, true)) tasks_.Begin(AppendFinished());
}

// One append at a time: what ends meanwhile goes together into the next.
Task<void> Sender::State::AppendFinished() {
  while (!finished_.empty()) {
    const std::vector<events::v1::AttemptFinished> batch = std::exchange(finished_, {});
    std::vector<PersonEvent> events;
    for (const events::v1::AttemptFinished& finished : batch) {
      PersonEvent& event = events.emplace_back();
      event.person_id = finished.person_id();
      *event.event.mutable_attempt_finished() = finished;
    }
    const Result<std::vector<ShardPosition>> appended = co_await outbox_.Append(std::move(events));
    if (appended.ok()) {
      for (const auto& finished : batch) Release({finished.person_id(), finished.message_id()});
      continue;
    }
    // Again until it is known to be in the log: of two results of one attempt the fold takes the
    // first.
    EPIGRID_LOG_WARN("notification.results_not_appended", {"results", batch.size()},
                     {appended.status()});
    finished_.insert(finished_.begin(), batch.begin(), batch.end());
    co_await scheduler_.Sleep(kRetryPause);
  }
  appending_ = false;
}

}  // namespace epigrid::notification
