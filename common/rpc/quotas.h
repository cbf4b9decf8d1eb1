// Quotas: how much each caller may do, as the callers file says (callers.h): calls, and items of
// batches, by a bucket each that fills at a rate and holds a burst.
//
//   if (std::optional<Duration> wait = quotas.Take(caller, now)) return QuotaExceeded(*wait);
//   quotas.ChargeItems(caller, request.items_size(), now);
//
// A call is let in while both buckets hold anything, and what it holds is charged when it has been
// read: so a refusal costs no reading, and a batch beyond the burst passes, after which the caller
// waits until the debt is filled up.
//
// Balances are by the caller's name and outlive a change of the file. Threads: one.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/rpc/callers.h"

namespace epigrid {

class Quotas {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;

  // nullopt: the call is charged. Otherwise when there will be enough again for one.
  std::optional<Duration> Take(const Caller& caller, SteadyTime now);
  void ChargeItems(const Caller& caller, size_t items, SteadyTime now);

 private:
  struct Bucket {
    double balance = 0;
    SteadyTime filled_at;  // not set: it is new, and full
    void Fill(const Quota& quota, SteadyTime now);
  };
  struct Buckets {
    Bucket calls;
    Bucket items;
  };
  static bool HasQuota(const Caller& caller) {
    return caller.calls.per_second > 0 || caller.items.per_second > 0;
  }

  std::map<std::string, Buckets, std::less<>> by_name_;
};

}  // namespace epigrid
