// What every piece of the fold works with while one event is applied.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "common/projector/cells.h"
#include "common/projector/fold.h"
#include "common/projector/version.h"
#include "services/contact_tracing/domain/policy.h"

namespace epigrid::contact_tracing {

struct Work {
  Cells& cells;
  Context& context;
  const TracingPolicy& policy;
  uint32_t shard_count;
};

// Puts the day into the ordered list; false: it was there.
template <typename Days>
bool InsertDay(Days& days, int32_t day) {
  auto at = std::lower_bound(days.begin(), days.end(), day);
  if (at != days.end() && *at == day) return false;
  const auto index = at - days.begin();
  days.Add(day);
  std::rotate(days.begin() + index, days.end() - 1, days.end());
  return true;
}

template <typename Days>
bool RemoveDay(Days& days, int32_t day) {
  auto at = std::lower_bound(days.begin(), days.end(), day);
  if (at == days.end() || *at != day) return false;
  days.erase(at);
  return true;
}

}  // namespace epigrid::contact_tracing
