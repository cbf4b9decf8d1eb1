#include "services/notification/domain/notification_fold.h"

#include <algorithm>

#include "common/base/ids.h"
#include "common/base/proto_time.h"
#include "services/notification/domain/mailbox.h"
#include "services/notification/domain/templates.h"
#include "services/notification/view/keys.h"

namespace epigrid::notification {
namespace {

const std::string& PersonOf(const Event& event) {
  static const std::string kNone;
  switch (event.kind_case()) {
    case Event::kCodeChanged: return event.code_changed().person_id();
    case Event::kAttemptStarted: return event.attempt_started().person_id();
    case Event::kAttemptFinished: return event.attempt_finished().person_id();
    default: return kNone;
  }
}

v1::Message MessageFor(const events::v1::CodeChanged& changed, Time created) {
  v1::Message message;
  message.set_message_id(
      DeriveId(kMessageId, {"code", changed.person_id(), std::to_string(changed.version())}));
  message.set_person_id(changed.person_id());
  const bool same = changed.colour() == changed.previous_colour() &&
                    changed.measure() == changed.previous_measure();
  message.set_template_name(std::string(same ? kNewlyExposedTemplate : kCodeChangedTemplate));
  message.set_colour(changed.colour());
  message.set_measure(changed.measure());
  for (const auto& reason : changed.reasons()) {
    const auto& rules = message.rules();
    if (std::find(rules.begin(), rules.end(), reason.rule()) == rules.end()) {
      message.add_rules(reason.rule());
    }
  }
  *message.mutable_create_time() = ToProto(created);
  return message;
}

// What cannot be read must not come into force: every event looks at it.
void ApplyConfigured(const std::string& bytes, Cells& cells, Context& context) {
  state::v1::SendingConfiguration configuration;
  if (!configuration.ParseFromString(bytes) || !IsValid(configuration)) {
    return context.Ignore("CONFIGURATION_INVALID");
  }
  cells.Set(keys::kConfiguration, bytes);
}

}  // namespace

state::v1::SendingConfiguration DefaultSendingConfiguration() {
  state::v1::SendingConfiguration configuration;
  configuration.set_attempt_timeout_seconds(60);
  configuration.set_attempts_max(200);
  configuration.set_backoff_initial_ms(2'000);
  configuration.set_backoff_max_ms(600'000);
  configuration.set_expire_after_hours(24);
  return configuration;
}

bool IsValid(const state::v1::SendingConfiguration& configuration) {
  const auto in_range = [](uint32_t value, uint32_t min, uint32_t max) {
    return value >= min && value <= max;
  };
  constexpr uint32_t kDayMs = 86'400'000;
  return in_range(configuration.attempt_timeout_seconds(), 1, 3'600) &&
         configuration.attempts_max() >= 1 &&
         in_range(configuration.backoff_initial_ms(), 1, kDayMs) &&
         in_range(configuration.backoff_max_ms(), configuration.backoff_initial_ms(), kDayMs) &&
         in_range(configuration.expire_after_hours(), 1, 24 * 366);
}

std::vector<std::string> NotificationFold::subscriptions() const { return {"health_code.code.v1"}; }

std::string NotificationFold::Route(const Event& foreign) const {
  return foreign.code_changed().person_id();
}

std::vector<std::string> NotificationFold::publications() const {
  return {std::string(kDeliveryTopic)};
}

std::vector<std::string> NotificationFold::Entities(const Event& event) const {
  const std::string& person_id = PersonOf(event);
  if (person_id.empty()) return {};
  return {person_id};
}

void NotificationFold::Needs(const Event& event, const CellReader&, NeedSet& needs) const {
  if (event.has_configured()) {
    needs.String(keys::kConfiguration);
  } else if (const std::string& person_id = PersonOf(event); !person_id.empty()) {
    Mailbox::Needs(person_id, needs);
  }
}

void NotificationFold::Apply(const Event& event, Cells& cells, Context& context) const {
  if (!event.has_configured() && PersonOf(event).empty()) {
    return context.Ignore("EVENT_NOT_OF_THIS_SERVICE");
  }
  switch (event.kind_case()) {
    case Event::kConfigured:
      ApplyConfigured(event.configured().configuration(), cells, context);
      break;
    case Event::kCodeChanged: {
      Mailbox mailbox(event.code_changed().person_id(), cells, context);
      v1::Message message = MessageFor(event.code_changed(), context.recorded_at);
      if (mailbox.Has(message.message_id())) return context.Ignore("MESSAGE_KNOWN");
      mailbox.Add(std::move(message));
      break;
    }
    case Event::kAttemptStarted: {
      const events::v1::AttemptStarted& started = event.attempt_started();
      v1::Attempt attempt;
      attempt.set_attempt_id(started.attempt_id());
      *attempt.mutable_start_time() = started.start_time();
      if (!Mailbox(started.person_id(), cells, context)
               .Start(started.message_id(), std::move(attempt))) {
        context.Ignore("ATTEMPT_REFUSED");
      }
      break;
    }
    case Event::kAttemptFinished: {
      const events::v1::AttemptFinished& finished = event.attempt_finished();
      v1::Attempt result;
      result.set_attempt_id(finished.attempt_id());
      result.set_outcome(finished.outcome());
      result.set_reason(finished.reason());
      result.set_endpoint(finished.endpoint());
      *result.mutable_end_time() = finished.end_time();
      if (!Mailbox(finished.person_id(), cells, context).Finish(finished.message_id(), result)) {
        context.Ignore("ATTEMPT_UNKNOWN");
      }
      break;
    }
    default: break;  // PersonOf knows no others
  }
}

std::string NotificationFold::TimerEntity(const Timer& timer) const {
  return keys::SplitTimer(timer.id).first;
}

void NotificationFold::TimerNeeds(const Timer& timer, const CellReader&, NeedSet& needs) const {
  Mailbox::Needs(keys::SplitTimer(timer.id).first, needs);
}

void NotificationFold::FireTimer(const Timer& timer, Cells& cells, Context& context) const {
  const auto [person_id, message_id] = keys::SplitTimer(timer.id);
  Mailbox(person_id, cells, context).OnTimer(message_id, timer.due);
}

}  // namespace epigrid::notification
