// Column makers: how a field of a row is written in a file, by its type. For columns.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tools/import_format/columns.h"

namespace epigrid::import_values {

inline constexpr size_t kKeyBytesMax = 100;
inline constexpr size_t kSamplingIdBytesMax = 64;

Status Invalid(std::string_view name, std::string_view what_is_allowed);
// IMPORT_VALUE_MISSING.
Status Missing(std::string_view name);

// Each: OK, or INVALID_ARGUMENT IMPORT_VALUE_INVALID.
Status ParseText(std::string_view name, std::string_view text, size_t bytes_max, std::string& to);
Status ParseToken(std::string_view name, std::string_view text, std::string& to);
Status ParseLanguage(std::string_view name, std::string_view text, std::string& to);
Status ParseSourceId(std::string_view name, std::string_view text, std::string& to);
Status ParseSamplingId(std::string_view name, std::string_view text, std::string& to);
Status ParseRegion(std::string_view name, std::string_view text, std::string& to);
Status ParseTime(std::string_view name, std::string_view text, Time& to);
Status ParseInteger(std::string_view name, std::string_view text, int32_t min, int32_t max,
                    std::optional<int32_t>& to);
Status ParseDecimal(std::string_view name, std::string_view text, double min, double max,
                    std::optional<double>& to);
Status ParseOutcome(std::string_view name, std::string_view text, TestRow::Outcome& to);

// Keys: what begins like an id must be one, of the kind that the column takes, lest a mistyped id
// become the key of something else. INVALID_ARGUMENT ID_MALFORMED, or as above.
Status ParsePersonKey(std::string_view name, std::string_view text, std::string& to);
Status ParseHouseholdKey(std::string_view name, std::string_view text, std::string& to);
Status ParseSettingKey(std::string_view name, std::string_view text, std::string& to);
// Where people are: a setting or a household.
Status ParsePlaceKey(std::string_view name, std::string_view text, std::string& to);

std::string FormatTime(Time time);
std::string FormatInteger(std::optional<int32_t> value);
std::string FormatDecimal(std::optional<double> value);
std::string FormatOutcome(TestRow::Outcome outcome);

template <typename Member>
struct RowOf;
template <typename Row, typename Field>
struct RowOf<Field Row::*> {
  using type = Row;
};
template <auto kMember>
using RowType = typename RowOf<decltype(kMember)>::type;

enum class Needed : bool { kOptional = false, kRequired = true };

// Text of valid UTF-8 without control characters.
template <auto kMember, size_t kBytesMax>
constexpr Column<RowType<kMember>> Text(std::string_view column, Needed needed) {
  using Row = RowType<kMember>;
  return {column, needed == Needed::kRequired,
          [](std::string_view name, std::string_view text, Row& row) {
            return ParseText(name, text, kBytesMax, row.*kMember);
          },
          [](const Row& row) { return row.*kMember; }};
}

// Strings of a certain shape: ParseToken, ParseSourceId and the like.
template <auto kMember, auto kParse>
constexpr Column<RowType<kMember>> Shaped(std::string_view column, Needed needed) {
  using Row = RowType<kMember>;
  return {column, needed == Needed::kRequired,
          [](std::string_view name, std::string_view text, Row& row) {
            return kParse(name, text, row.*kMember);
          },
          [](const Row& row) { return row.*kMember; }};
}

// Values with a written form of their own.
template <auto kMember, auto kParse, auto kFormat>
constexpr Column<RowType<kMember>> Value(std::string_view column, Needed needed) {
  using Row = RowType<kMember>;
  return {column, needed == Needed::kRequired,
          [](std::string_view name, std::string_view text, Row& row) {
            return kParse(name, text, row.*kMember);
          },
          [](const Row& row) { return kFormat(row.*kMember); }};
}

// Whole numbers.
template <auto kMember, int32_t kMin, int32_t kMax>
constexpr Column<RowType<kMember>> Integer(std::string_view column, Needed needed) {
  using Row = RowType<kMember>;
  return {column, needed == Needed::kRequired,
          [](std::string_view name, std::string_view text, Row& row) {
            return ParseInteger(name, text, kMin, kMax, row.*kMember);
          },
          [](const Row& row) { return FormatInteger(row.*kMember); }};
}

// Decimal fractions.
template <auto kMember, int kMin, int kMax>
constexpr Column<RowType<kMember>> Decimal(std::string_view column, Needed needed) {
  using Row = RowType<kMember>;
  return {column, needed == Needed::kRequired,
          [](std::string_view name, std::string_view text, Row& row) {
            return ParseDecimal(name, text, kMin, kMax, row.*kMember);
          },
          [](const Row& row) { return FormatDecimal(row.*kMember); }};
}

}  // namespace epigrid::import_values
