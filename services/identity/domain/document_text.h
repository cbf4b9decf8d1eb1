// What the parsers of documents.cc and passports.cc share: folding of what people type, dates,
// codes and errors.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/status.h"

namespace epigrid::identity {

// Upper case, half width, without white space, hyphens, dots and invisible characters; everything
// else stays. Not UTF-8: each bad byte becomes one '?', which no document has.
std::string FoldDocumentText(std::string_view text);

bool AllDigits(std::string_view text);
bool AllUpperLetters(std::string_view text);

// INVALID_ARGUMENT with metadata "field" = "document.<field>".
Status DocumentError(std::string_view field, std::string reason, std::string message);

// Eight digits YYYYMMDD: a real date, not before 1900 and not after today.
std::optional<std::chrono::sys_days> ParseBirthDate(std::string_view digits,
                                                    std::chrono::sys_days today);
// Six digits YYMMDD, of the latest century that is not after today.
std::optional<std::chrono::sys_days> ParseShortBirthDate(std::string_view digits,
                                                         std::chrono::sys_days today);

// The two digits of a province-level division of GB/T 2260 (11 to 65, 71, 81, 82), or 83, which
// stands for Taiwan in residence permits.
bool IsProvinceCode(std::string_view two_digits);

// ISO 3166-1, three letters or three digits.
bool IsCountryAlpha3(std::string_view code);
bool IsCountryNumeric(std::string_view code);

}  // namespace epigrid::identity
