#include "services/identity/domain/document_text.h"

#include <unicode/uchar.h>
#include <unicode/uloc.h>
#include <unicode/uregion.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <set>

namespace epigrid::identity {
namespace {

using std::chrono::day;
using std::chrono::month;
using std::chrono::sys_days;
using std::chrono::year;
using std::chrono::year_month_day;

constexpr int kBirthYearMin = 1900;

int Number(std::string_view digits) {
  int number = 0;
  for (char digit : digits) number = number * 10 + (digit - '0');
  return number;
}

std::optional<sys_days> RealDate(int y, int m, int d, sys_days today) {
  const year_month_day date(year{y}, month{static_cast<unsigned>(m)},
                            day{static_cast<unsigned>(d)});
  if (y < kBirthYearMin || !date.ok() || sys_days(date) > today) return std::nullopt;
  return sys_days(date);
}

// Full-width forms U+FF01 to U+FF5E stand for ASCII 0x21 to 0x7E.
UChar32 HalfWidth(UChar32 c) { return c >= 0xFF01 && c <= 0xFF5E ? c - 0xFEE0 : c; }

bool IsSeparator(UChar32 c) {
  return c == '-' || c == '.' || c == 0x00B7 || c == 0x2212 || u_isUWhiteSpace(c) ||
         u_charType(c) == U_DASH_PUNCTUATION || u_charType(c) == U_FORMAT_CHAR;
}

}  // namespace

std::string FoldDocumentText(std::string_view text) {
  std::string folded;
  folded.reserve(text.size());
  const int32_t size = static_cast<int32_t>(text.size());
  for (int32_t i = 0; i < size;) {
    UChar32 c;
    U8_NEXT(text.data(), i, size, c);
    if (c < 0) {
      folded += '?';
      continue;
    }
    c = HalfWidth(c);
    if (IsSeparator(c)) continue;
    if (c >= 'a' && c <= 'z') c -= 'a' - 'A';
    char bytes[U8_MAX_LENGTH];
    int32_t length = 0;
    U8_APPEND_UNSAFE(bytes, length, c);
    folded.append(bytes, static_cast<size_t>(length));
  }
  return folded;
}

bool AllDigits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool AllUpperLetters(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

Status DocumentError(std::string_view field, std::string reason, std::string message) {
  return InvalidArgument(std::move(reason), std::move(message))
      .With("field", "document." + std::string(field));
}

std::optional<sys_days> ParseBirthDate(std::string_view digits, sys_days today) {
  return RealDate(Number(digits.substr(0, 4)), Number(digits.substr(4, 2)),
                  Number(digits.substr(6, 2)), today);
}

std::optional<sys_days> ParseShortBirthDate(std::string_view digits, sys_days today) {
  const int short_year = Number(digits.substr(0, 2));
  const int m = Number(digits.substr(2, 2));
  const int d = Number(digits.substr(4, 2));
  const int this_century = static_cast<int>(year_month_day(today).year()) / 100 * 100;
  for (int century = this_century; century >= kBirthYearMin; century -= 100) {
    if (auto date = RealDate(century + short_year, m, d, today)) return date;
  }
  return std::nullopt;
}

bool IsProvinceCode(std::string_view two_digits) {
  static constexpr std::string_view kProvinces =
      "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 "
      "65 71 81 82 83";
  return two_digits.size() == 2 && AllDigits(two_digits) &&
         kProvinces.find(two_digits) != std::string_view::npos;
}

bool IsCountryAlpha3(std::string_view code) {
  static const std::set<std::string, std::less<>>& codes = *[] {
    auto* set = new std::set<std::string, std::less<>>;
    for (const char* const* country = uloc_getISOCountries(); *country != nullptr; ++country) {
      set->insert(uloc_getISO3Country((std::string("und_") + *country).c_str()));
    }
    set->erase("");
    return set;
  }();
  return codes.contains(code);
}

bool IsCountryNumeric(std::string_view code) {
  if (code.size() != 3 || !AllDigits(code)) return false;
  UErrorCode error = U_ZERO_ERROR;
  const URegion* region = uregion_getRegionFromNumericCode(Number(code), &error);
  return U_SUCCESS(error) && region != nullptr && uregion_getType(region) == URGN_TERRITORY;
}

}  // namespace epigrid::identity
