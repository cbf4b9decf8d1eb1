#include "common/event_log/log_errors.h"

#include <fmt/format.h>

namespace epigrid {

Status LogUnavailable(std::string_view detail) {
  return Unavailable("LOG_UNAVAILABLE", fmt::format("the event log does not answer: {}", detail));
}

Status AppendUnknown(std::string_view detail) {
  return Unavailable(
      "OUTCOME_UNKNOWN",
      fmt::format("the event log did not acknowledge; the records may or may not be in it: {}",
                  detail));
}

}  // namespace epigrid
