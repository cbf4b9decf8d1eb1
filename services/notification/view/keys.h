// Names of the notification service's cells. A person's cells live in the shard of the person's id.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace epigrid::notification::keys {

// StoredPerson.
inline std::string Person(std::string_view person_id) {
  return std::string("person:").append(person_id);
}
// Members: StoredMessage by message id.
inline std::string Messages(std::string_view person_id) {
  return std::string("messages:").append(person_id);
}
// SendingConfiguration in force.
inline const std::string kConfiguration = "configuration";

// What a worker works off: an index per shard, whose members are WorkItems.
inline const std::string kDueIndex = "due";
// Messages with an open attempt.
inline const std::string kStartedIndex = "started";

// "<person id>/<message id>": names a message in an index or a timer.
inline std::string WorkItem(std::string_view person_id, std::string_view message_id) {
  return std::string(person_id).append("/").append(message_id);
}
inline std::pair<std::string, std::string> SplitWorkItem(std::string_view item) {
  const size_t slash = item.find('/');
  return {std::string(item.substr(0, slash)), std::string(item.substr(slash + 1))};
}

// A message that is under way has one timer. While it waits: the end of its back-off, or when it
// expires; while it is being sent: when the attempt has had its time.
inline constexpr std::string_view kTimerPrefix = "message:";
inline std::string Timer(std::string_view item) { return std::string(kTimerPrefix).append(item); }
inline std::pair<std::string, std::string> SplitTimer(std::string_view timer_id) {
  return SplitWorkItem(timer_id.substr(kTimerPrefix.size()));
}

}  // namespace epigrid::notification::keys
