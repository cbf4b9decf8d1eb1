#include "common/rpc/quotas.h"

#include <algorithm>

namespace epigrid {
namespace {

// Until the bucket holds `wanted`.
Duration WaitFor(double balance, double wanted, const Quota& quota) {
  const double seconds = std::max(0.0, wanted - balance) / quota.per_second;
  // Up to the next millisecond, which is what callers are told in.
  return std::chrono::ceil<std::chrono::milliseconds>(std::chrono::duration<double>(seconds));
}

}  // namespace

void Quotas::Bucket::Fill(const Quota& quota, SteadyTime now) {
  if (filled_at == SteadyTime()) {
    balance = quota.burst;
  } else {
    const double seconds = std::chrono::duration<double>(now - filled_at).count();
    balance = std::min(quota.burst, balance + seconds * quota.per_second);
  }
  filled_at = now;
}

std::optional<Duration> Quotas::Take(const Caller& caller, SteadyTime now) {
  if (!HasQuota(caller)) return std::nullopt;
  Buckets& buckets = by_name_[caller.name];
  Duration wait{0};
  if (caller.calls.per_second > 0) {
    buckets.calls.Fill(caller.calls, now);
    // A whole one, or several callers' last parts would each pass.
    wait = std::max(wait, WaitFor(buckets.calls.balance, 1, caller.calls));
  }
  if (caller.items.per_second > 0) {
    buckets.items.Fill(caller.items, now);
    wait = std::max(wait, WaitFor(buckets.items.balance, 1, caller.items));
  }
  if (wait > Duration(0)) return wait;
  buckets.calls.balance -= 1;
  return std::nullopt;
}

void Quotas::ChargeItems(const Caller& caller, size_t items, SteadyTime now) {
  if (caller.items.per_second == 0) return;
  Bucket& bucket = by_name_[caller.name].items;
  bucket.Fill(caller.items, now);
  bucket.balance -= static_cast<double>(items);
}

}  // namespace epigrid
