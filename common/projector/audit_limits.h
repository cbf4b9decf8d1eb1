#pragma once

#include <cstddef>

#include "common/base/clock.h"

namespace epigrid {

// What an audit (audit.h) may take away, and what it may take up.
struct AuditLimits {
  // How long records stay in the log at least, by the log's clock.
  Duration retention = std::chrono::hours(24 * 14);
  // Of a shard's keys and values; in memory they take about twice as much.
  size_t bytes_max = size_t{2} << 30;
};

}  // namespace epigrid
