#include "tools/epigridctl/import/retry.h"

#include <algorithm>
#include <charconv>

#include "common/base/ids.h"

namespace epigrid::ctl {
namespace {

constexpr Duration kFirstDelay = std::chrono::milliseconds(100);
constexpr Duration kDelayMax = std::chrono::seconds(10);

Duration ServersHint(const Status& status) {
  const auto hint = status.metadata().find("retry_after_ms");
  if (hint == status.metadata().end()) return Duration(0);
  int64_t millis = 0;
  std::from_chars(hint->second.data(), hint->second.data() + hint->second.size(), millis);
  return std::chrono::milliseconds(std::clamp<int64_t>(millis, 0, 3'600'000));
}

// Up to a quarter more, so that clients that were refused together do not come back together.
Duration WithChance(Duration delay) {
  OpenSslRandom random;
  uint8_t chance = 0;
  random.Fill(&chance, 1);
  return delay + delay * chance / 1024;
}

}  // namespace

bool IsWorthRetrying(const Status& status) {
  switch (status.code()) {
    case Code::kUnavailable:
    case Code::kResourceExhausted:
    case Code::kAborted:
    case Code::kDeadlineExceeded: return true;
    default: return false;
  }
}

Status Retrying::Run(const std::function<Status()>& call) const {
  const Duration begin = waiter_.Elapsed();
  Duration delay = kFirstDelay;
  while (true) {
    Status status = call();
    if (!IsWorthRetrying(status)) return status;
    const Duration wait = WithChance(std::max(delay, ServersHint(status)));
    if (waiter_.Elapsed() - begin + wait > give_up_after_) return status;
    on_wait_(status, wait);
    if (!waiter_.WaitFor(wait)) return {Code::kCancelled, "INTERRUPTED", "the import was stopped"};
    delay = std::min(delay * 2, kDelayMax);
  }
}

}  // namespace epigrid::ctl
