#include "common/projector/view_keys.h"

#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace epigrid {
namespace {

constexpr size_t kNumberMax = std::numeric_limits<uint64_t>::digits10 + 1;

}  // namespace

ViewKeys::ViewKeys(std::string service, std::string prefix)
    : service_(std::move(service)),
      prefix_(std::move(prefix)),
      applied_channel_(prefix_ + service_ + ".applied") {
  EPIGRID_CHECK(prefix_.find_first_of("{}") == std::string::npos, "a prefix is no hash tag");
}

std::string ViewKeys::Live(Shard shard) const {
  return prefix_ + ShardTag(service_, shard).append("live");
}

std::string ViewKeys::Cell(Shard shard, Generation generation, std::string_view cell) const {
  std::string key;
  key.reserve(prefix_.size() + service_.size() + cell.size() + 2 * kNumberMax);
  key += prefix_;
  AppendShardTag(service_, shard, key);
  std::array<char, kNumberMax> number;
  const auto written = std::to_chars(number.begin(), number.end(), generation);
  key.append(number.data(), written.ptr);
  key += ':';
  key += cell;
  return key;
}

}  // namespace epigrid
