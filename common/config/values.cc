#include "common/config/values.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <charconv>
#include <cmath>

namespace epigrid::config_values {
namespace {

struct Unit {
  std::string_view name;
  int64_t micros;
};
// Largest first, for ShowDuration.
constexpr std::array kUnits = {Unit{"d", 86'400'000'000}, Unit{"h", 3'600'000'000},
                               Unit{"m", 60'000'000},     Unit{"s", 1'000'000},
                               Unit{"ms", 1'000},         Unit{"us", 1}};

Status Wrong(std::string message) { return InvalidArgument("CONFIG_VALUE", std::move(message)); }

Result<ConfigValue> ParseDuration(const std::string& text) {
  const Status wrong = Wrong(fmt::format(
      "\"{}\" is not a duration; write a whole number and a unit, as in 250ms, 5s, 2m, 1h, 7d",
      text));
  int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return wrong;
  const std::string_view unit_name(end, text.data() + text.size() - end);
  for (const Unit& unit : kUnits) {
    if (unit.name != unit_name) continue;
    int64_t micros = 0;
    if (__builtin_mul_overflow(number, unit.micros, &micros)) return wrong;
    return ConfigValue(Duration(micros));
  }
  return wrong;
}

Result<ConfigValue> ParseBool(const std::string& text) {
  if (text == "true" || text == "yes" || text == "on" || text == "1") return ConfigValue(true);
  if (text == "false" || text == "no" || text == "off" || text == "0") return ConfigValue(false);
  return Wrong(fmt::format("\"{}\" is not a bool; write true or false", text));
}

template <typename Number>
Result<ConfigValue> ParseNumber(const std::string& text) {
  Number number{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if constexpr (std::is_floating_point_v<Number>) {
    if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(number)) {
      return Wrong(fmt::format("\"{}\" is not a number", text));
    }
  } else if (error != std::errc() || end != text.data() + text.size()) {
    return Wrong(fmt::format("\"{}\" is not a whole number between {} and {}", text,
                             std::numeric_limits<Number>::min(),
                             std::numeric_limits<Number>::max()));
  }
  return ConfigValue(number);
}

std::vector<std::string> SplitCommas(const std::string& text) {
  std::vector<std::string> items;
  size_t begin = 0;
  while (begin <= text.size() && !text.empty()) {
    const size_t end = std::min(text.find(',', begin), text.size());
    items.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return items;
}

}  // namespace

Result<ConfigValue> Parse(const ConfigValue& like, const std::vector<std::string>& items,
                          bool is_list) {
  if (std::holds_alternative<std::vector<std::string>>(like)) {
    if (is_list) return ConfigValue(items);
    std::vector<std::string> all;
    for (const std::string& item : items) {
      for (std::string& part : SplitCommas(item)) all.push_back(std::move(part));
    }
    return ConfigValue(std::move(all));
  }
  if (is_list || items.size() != 1)
    return Wrong(fmt::format("takes one {}, not a list", TypeName(like)));
  const std::string& text = items.front();
  return std::visit(
      [&](const auto& typed) -> Result<ConfigValue> {
        using T = std::decay_t<decltype(typed)>;
        if constexpr (std::is_same_v<T, bool>) {
          return ParseBool(text);
        } else if constexpr (std::is_arithmetic_v<T>) {
          return ParseNumber<T>(text);
        } else if constexpr (std::is_same_v<T, Duration>) {
          return ParseDuration(text);
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          return ConfigValue(items);
        } else {
          return ConfigValue(T(text));
        }
      },
      like);
}

std::string ShowDuration(Duration duration) {
  for (const Unit& unit : kUnits) {
    if (duration.count() != 0 && duration.count() % unit.micros == 0) {
      return fmt::format("{}{}", duration.count() / unit.micros, unit.name);
    }
  }
  return "0s";
}

std::string Show(const ConfigValue& value) {
  return std::visit(
      [](const auto& typed) -> std::string {
        using T = std::decay_t<decltype(typed)>;
        if constexpr (std::is_same_v<T, Secret>) {
          return typed.empty() ? "" : "<redacted>";
        } else if constexpr (std::is_same_v<T, Duration>) {
          return ShowDuration(typed);
        } else if constexpr (std::is_same_v<T, std::filesystem::path>) {
          return typed.string();
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          return fmt::format("{}", fmt::join(typed, ","));
        } else {
          return fmt::format("{}", typed);
        }
      },
      value);
}

std::optional<double> Number(const ConfigValue& value) {
  return std::visit(
      [](const auto& typed) -> std::optional<double> {
        using T = std::decay_t<decltype(typed)>;
        if constexpr (std::is_same_v<T, Duration>) {
          return static_cast<double>(typed.count());
        } else if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
          return static_cast<double>(typed);
        } else {
          return std::nullopt;
        }
      },
      value);
}

std::string_view TypeName(const ConfigValue& value) {
  constexpr std::array<std::string_view, std::variant_size_v<ConfigValue>> kNames = {
      "string",  "bool",   "integer",  "integer", "integer", "integer",
      "integer", "number", "duration", "path",    "list",    "secret"};
  return kNames[value.index()];
}

}  // namespace epigrid::config_values
