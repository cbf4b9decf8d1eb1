#include "tools/import_format/values.h"

#include <fmt/format.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include "common/base/ids.h"
#include "common/base/local_day.h"

namespace epigrid::import_values {
namespace {

constexpr std::array<std::pair<TestRow::Outcome, std::string_view>, 4> kOutcomes{{
    {TestRow::Outcome::kNegative, "NEGATIVE"},
    {TestRow::Outcome::kPositive, "POSITIVE"},
    {TestRow::Outcome::kIndeterminate, "INDETERMINATE"},
    {TestRow::Outcome::kInvalid, "INVALID"},
}};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsUpper(char c) { return c >= 'A' && c <= 'Z'; }

// Valid UTF-8 without control characters, which have no place in a key or a name.
bool IsPlainText(std::string_view text) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  const auto size = static_cast<int32_t>(text.size());
  for (int32_t i = 0; i < size;) {
    UChar32 c;
    U8_NEXT(bytes, i, size, c);
    if (c < 0x20 || (c >= 0x7F && c <= 0x9F)) return false;
  }
  return true;
}

template <typename Number>
bool ParseNumber(std::string_view text, Number& to) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), to);
  return error == std::errc() && end == text.data() + text.size();
}

bool BeginsLike(std::string_view text, IdKind kind) {
  return text.starts_with(kind.prefix()) && text.substr(kind.prefix().size()).starts_with('_');
}

Status ParseKey(std::string_view name, std::string_view text, std::vector<IdKind> kinds,
                std::string& to) {
  for (const IdKind kind : {kPersonId, kHouseholdId, kSettingId}) {
    if (!BeginsLike(text, kind)) continue;
    const bool taken =
        std::ranges::any_of(kinds, [&](IdKind one) { return one.prefix() == kind.prefix(); });
    EPIGRID_RETURN_IF_ERROR(CheckId(taken ? kind : kinds.front(), text, name));
  }
  return ParseText(name, text, kKeyBytesMax, to);
}

}  // namespace

Status Invalid(std::string_view name, std::string_view what_is_allowed) {
  return InvalidArgument("IMPORT_VALUE_INVALID",
                         fmt::format("column {} must be {}", name, what_is_allowed))
      .With("field", std::string(name));
}

Status Missing(std::string_view name) {
  return InvalidArgument("IMPORT_VALUE_MISSING", fmt::format("column {} must not be empty", name))
      .With("field", std::string(name));
}

Status ParseText(std::string_view name, std::string_view text, size_t bytes_max, std::string& to) {
  if (text.size() > bytes_max || !IsPlainText(text)) {
    return Invalid(name,
                   fmt::format("at most {} bytes of UTF-8 without control characters", bytes_max));
  }
  to = text;
  return OkStatus();
}

Status ParseToken(std::string_view name, std::string_view text, std::string& to) {
  const auto allowed = [](char c) { return IsUpper(c) || IsDigit(c) || c == '_'; };
  if (text.size() > 40 || !IsUpper(text.front()) || !std::ranges::all_of(text, allowed)) {
    return Invalid(name, "a name in capitals such as NUCLEIC_ACID, at most 40 characters long");
  }
  to = text;
  return OkStatus();
}

Status ParseLanguage(std::string_view name, std::string_view text, std::string& to) {
  if (text != "zh" && text != "en") return Invalid(name, "zh or en");
  to = text;
  return OkStatus();
}

Status ParseSourceId(std::string_view name, std::string_view text, std::string& to) {
  const auto allowed = [](char c) { return c > ' ' && c <= '~' && c != '/'; };
  if (text.size() > 128 || !std::ranges::all_of(text, allowed)) {
    return Invalid(name, "at most 128 printable ASCII characters without '/' and blanks");
  }
  to = text;
  return OkStatus();
}

Status ParseSamplingId(std::string_view name, std::string_view text, std::string& to) {
  if (text.size() <= kSamplingIdBytesMax && ParseSourceId(name, text, to).ok()) return OkStatus();
  return Invalid(name, "at most 64 printable ASCII characters without '/' and blanks");
}

Status ParsePersonKey(std::string_view name, std::string_view text, std::string& to) {
  return ParseKey(name, text, {kPersonId}, to);
}

Status ParseHouseholdKey(std::string_view name, std::string_view text, std::string& to) {
  return ParseKey(name, text, {kHouseholdId}, to);
}

Status ParseSettingKey(std::string_view name, std::string_view text, std::string& to) {
  return ParseKey(name, text, {kSettingId}, to);
}

Status ParsePlaceKey(std::string_view name, std::string_view text, std::string& to) {
  return ParseKey(name, text, {kSettingId, kHouseholdId}, to);
}

Status ParseRegion(std::string_view name, std::string_view text, std::string& to) {
  if (text.size() < 2 || text.size() > 20 || !std::ranges::all_of(text, IsDigit)) {
    return Invalid(name, "a division code of 2 to 20 digits");
  }
  to = text;
  return OkStatus();
}

Status ParseTime(std::string_view name, std::string_view text, Time& to) {
  Result<Time> time = ParseRfc3339(text);
  if (!time.ok() || time->micros <= 0) {
    return Invalid(name, "a time after 1970 with its zone, such as 2022-11-11T08:30:00+08:00");
  }
  to = *time;
  return OkStatus();
}

Status ParseInteger(std::string_view name, std::string_view text, int32_t min, int32_t max,
                    std::optional<int32_t>& to) {
  int32_t value = 0;
  if (!ParseNumber(text, value) || value < min || value > max) {
    return Invalid(name, fmt::format("a whole number from {} to {}", min, max));
  }
  to = value;
  return OkStatus();
}

Status ParseDecimal(std::string_view name, std::string_view text, double min, double max,
                    std::optional<double>& to) {
  double value = 0;
  if (!ParseNumber(text, value) || !(value >= min && value <= max)) {
    return Invalid(name, fmt::format("a number from {} to {}", min, max));
  }
  to = value;
  return OkStatus();
}

Status ParseOutcome(std::string_view name, std::string_view text, TestRow::Outcome& to) {
  for (const auto& [outcome, written] : kOutcomes) {
    if (text == written) {
      to = outcome;
      return OkStatus();
    }
  }
  return Invalid(name, "NEGATIVE, POSITIVE, INDETERMINATE or INVALID");
}

std::string FormatTime(Time time) { return time.is_set() ? FormatRfc3339(time) : ""; }

std::string FormatInteger(std::optional<int32_t> value) {
  return value ? fmt::to_string(*value) : "";
}

// The shortest form that reads back as the same number.
std::string FormatDecimal(std::optional<double> value) {
  return value ? fmt::format("{}", *value) : "";
}

std::string FormatOutcome(TestRow::Outcome outcome) {
  for (const auto& [known, written] : kOutcomes) {
    if (outcome == known) return std::string(written);
  }
  return "";
}

}  // namespace epigrid::import_values
