#include "services/identity/domain/passports.h"

#include <algorithm>
#include <utility>

#include "services/identity/domain/check_digits.h"
#include "services/identity/domain/document_text.h"

namespace epigrid::identity {
namespace {

using std::chrono::sys_days;

constexpr size_t kNumberLengthMax = 9;
constexpr size_t kLineLength = 44;

bool IsMachineReadable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '<';
  });
}

std::string WithoutFillers(std::string_view text) {
  return std::string(text.substr(0, text.find_last_not_of('<') + 1));
}

Status CheckDigitError(std::string_view field, std::string_view what) {
  return DocumentError(field, "DOCUMENT_CHECK_DIGIT",
                       "the check digit of " + std::string(what) +
                           " does not fit: a character is mistyped or two are swapped");
}

// Issuers of ICAO 9303-3 section 5 that are no countries of ISO 3166-1. UTO, Utopia, is ICAO's own
// for specimens: no real passport bears it, which makes it right for training and tests.
bool IsIcaoIssuer(std::string_view code) {
  static constexpr std::string_view kCodes =
      " D GBD GBN GBO GBP GBS RKS EUE UNO UNA UNK XBA XIM XCC XCE XCO XEC XES XMP XOM XPO XDC XCT "
      "XXA XXB XXC XXX UTO ";
  return kCodes.find(" " + std::string(code) + " ") != std::string_view::npos;
}

Result<std::string> ParseIssuer(std::string_view folded) {
  std::string issuer = WithoutFillers(folded);
  if (issuer == "DEU") return std::string("D");  // as German passports print it
  const bool plausible = !issuer.empty() && issuer.size() <= 3 && AllUpperLetters(issuer);
  if (plausible && (IsIcaoIssuer(issuer) || IsCountryAlpha3(issuer))) return issuer;
  return DocumentError("issuer", "DOCUMENT_ISSUER",
                       "issuer must be the passport's three-letter issuing state, for example CHN");
}

// The number as printed, or the ten characters of a machine-readable line: nine, filled up with
// '<', and their check digit. A shorter number is never taken to end in a check digit: it could not
// be told from a number without.
Result<std::string> ParseNumber(std::string_view field, std::string_view text) {
  if (!IsMachineReadable(text)) {
    return DocumentError(field, "DOCUMENT_CHARACTER",
                         "a passport number has only the letters A to Z and digits");
  }
  if (text.size() == kNumberLengthMax + 1) {
    if (MachineReadableCheckDigit(text.substr(0, kNumberLengthMax)) != text.back()) {
      return CheckDigitError(field, "the passport number");
    }
    text = text.substr(0, kNumberLengthMax);
  }
  std::string number = WithoutFillers(text);
  if (number.empty() || number.size() > kNumberLengthMax) {
    return DocumentError(
        field, "DOCUMENT_LENGTH",
        "a passport number has one to nine characters, or ten with its check digit");
  }
  if (number.find('<') != std::string::npos) {
    return DocumentError(field, "DOCUMENT_CHARACTER", "a filler stands inside the passport number");
  }
  return number;
}

// Chinese passports: one or two series letters (E, G, D, S, P; K and H of Hong Kong, M of Macao),
// never I or O, and digits, nine characters in all, eight in the older D, S and P series; or nine
// digits that begin with 14 or 15.
Status CheckChineseNumber(std::string_view number) {
  const size_t letters = std::min(number.find_first_of("0123456789"), number.size());
  const std::string_view series = number.substr(0, letters);
  const std::string_view digits = number.substr(letters);
  const bool old_digits_only =
      letters == 0 && (digits.starts_with("14") || digits.starts_with("15"));
  const bool known_series =
      (letters == 1 || letters == 2) &&
      std::string_view("EGDSPKHM").find(series[0]) != std::string_view::npos &&
      series.find_first_of("IO") == std::string_view::npos;
  if (!AllDigits(digits) || (!old_digits_only && !known_series)) {
    return DocumentError(
        "number", "DOCUMENT_CHARACTER",
        "a Chinese passport number is one or two letters and then digits; look for O or I in place "
        "of 0 or 1");
  }
  const bool may_be_eight =
      letters == 1 && std::string_view("DSP").find(series[0]) != std::string_view::npos;
  if (number.size() != 9 && !(number.size() == 8 && may_be_eight)) {
    return DocumentError("number", "DOCUMENT_LENGTH",
                         "a Chinese passport number has nine characters");
  }
  return OkStatus();
}

struct MachineReadable {
  std::string number;
  std::string issuer;  // empty where only the second line was given
  std::optional<sys_days> birth_date;
};

// Line 2: number 1-9, check 10, nationality 11-13, birth 14-19, check 20, sex 21, expiry 22-27,
// check 28, personal number 29-42, check 43 ('<' is allowed where that is empty), composite check
// 44 over 1-10, 14-20 and 22-43.
Status CheckLine2Digits(std::string_view line) {
  constexpr std::string_view kField = "machine_readable_line";
  const auto fits = [&](size_t from, size_t length, size_t check) {
    return MachineReadableCheckDigit(line.substr(from, length)) == line[check];
  };
  if (!fits(0, 9, 9)) return CheckDigitError(kField, "the number (position 10)");
  if (!fits(13, 6, 19)) return CheckDigitError(kField, "the birth date (position 20)");
  if (!fits(21, 6, 27)) return CheckDigitError(kField, "the expiry date (position 28)");
  const std::string_view personal = line.substr(28, 14);
  const bool personal_is_empty = personal.find_first_not_of('<') == std::string_view::npos;
  if (!fits(28, 14, 42) && !(personal_is_empty && line[42] == '<')) {
    return CheckDigitError(kField, "the personal number (position 43)");
  }
  std::string composite(line.substr(0, 10));
  composite.append(line.substr(13, 7)).append(line.substr(21, 22));
  if (MachineReadableCheckDigit(composite) != line[43]) {
    return CheckDigitError(kField, "the whole line (position 44)");
  }
  return OkStatus();
}

Result<MachineReadable> ParseLines(std::string_view text, sys_days today) {
  constexpr std::string_view kField = "machine_readable_line";
  if (text.size() != kLineLength && text.size() != 2 * kLineLength) {
    return DocumentError(kField, "DOCUMENT_LENGTH",
                         "give the second line (44 characters) of the passport's machine-readable "
                         "zone, or both (88)");
  }
  if (!IsMachineReadable(text)) {
    return DocumentError(kField, "DOCUMENT_CHARACTER",
                         "a machine-readable line has only A to Z, digits and <");
  }
  MachineReadable result;
  if (text.size() == 2 * kLineLength) {
    if (text[0] != 'P') {
      return DocumentError(
          kField, "DOCUMENT_MACHINE_READABLE",
          "the machine-readable zone is not a passport's: its first letter is not P");
    }
    EPIGRID_ASSIGN_OR_RETURN(result.issuer, ParseIssuer(text.substr(2, 3)));
    text = text.substr(kLineLength);
  }
  EPIGRID_RETURN_IF_ERROR(CheckLine2Digits(text));
  EPIGRID_ASSIGN_OR_RETURN(result.number, ParseNumber(kField, text.substr(0, kNumberLengthMax)));
  const std::string_view birth = text.substr(13, 6);
  // Fillers stand for a month or day that is not known (ICAO 9303-3, 4.8).
  if (birth.find('<') == std::string_view::npos) {
    if (AllDigits(birth)) result.birth_date = ParseShortBirthDate(birth, today);
    if (!result.birth_date) {
      return DocumentError(kField, "DOCUMENT_BIRTH_DATE",
                           "the birth date (positions 14 to 19) is not a date");
    }
  }
  const char sex = text[20];
  if (sex != 'M' && sex != 'F' && sex != '<' && sex != 'X') {
    return DocumentError(kField, "DOCUMENT_CHARACTER", "the sex (position 21) must be M, F or <");
  }
  return result;
}

}  // namespace

Result<Document> ParsePassport(const DocumentInput& input, sys_days today) {
  Document document;
  document.type = DocumentType::kPassport;
  const std::string number = FoldDocumentText(input.number);
  const std::string issuer = FoldDocumentText(input.issuer);
  const std::string lines = FoldDocumentText(input.machine_readable_line);
  if (!number.empty()) {
    EPIGRID_ASSIGN_OR_RETURN(document.number, ParseNumber("number", number));
  }
  if (!lines.empty()) {
    EPIGRID_ASSIGN_OR_RETURN(MachineReadable machine, ParseLines(lines, today));
    if (!number.empty() && document.number != machine.number) {
      return DocumentError("machine_readable_line", "DOCUMENT_MACHINE_READABLE",
                           "the machine-readable line has another number than the one given");
    }
    document.number = std::move(machine.number);
    document.issuer = std::move(machine.issuer);
    document.birth_date = machine.birth_date;
  }
  if (!issuer.empty() || document.issuer.empty()) {
    EPIGRID_ASSIGN_OR_RETURN(std::string given, ParseIssuer(issuer));
    if (!document.issuer.empty() && document.issuer != given) {
      return DocumentError("issuer", "DOCUMENT_ISSUER",
                           "the issuer is not the one in the machine-readable zone");
    }
    document.issuer = std::move(given);
  }
  if (document.issuer == "CHN") EPIGRID_RETURN_IF_ERROR(CheckChineseNumber(document.number));
  return document;
}

}  // namespace epigrid::identity
