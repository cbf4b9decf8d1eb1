#include "common/projector/view_keys.h"

#include <array>
#include <charconv>
#include <limits>
#include <utility>

namespace epigrid {
namespace {

constexpr size_t kNumberMax = std::numeric_limits<uint64_t>::digits10 + 1;

// Takes the number off the front, and what follows it.
template <typename Number>
std::optional<Number> TakeNumber(std::string_view& text, std::string_view end) {
  Number number = 0;
  const auto [parsed, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<size_t>(parsed - text.data()));
  if (!text.starts_with(end)) return std::nullopt;
  text.remove_prefix(end.size());
  return number;
}

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

std::optional<ViewKeys::Named> ViewKeys::Parse(std::string_view key) const {
  for (const std::string_view before : {std::string_view(prefix_), std::string_view("{"),
                                        std::string_view(service_), std::string_view("-")}) {
    if (!key.starts_with(before)) return std::nullopt;
    key.remove_prefix(before.size());
  }
  const auto shard = TakeNumber<Shard>(key, "}");
  if (!shard.has_value()) return std::nullopt;
  const auto generation = TakeNumber<Generation>(key, ":");
  if (!generation.has_value()) return std::nullopt;
  return Named{{*shard, *generation}, key};
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
