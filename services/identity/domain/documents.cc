#include "services/identity/domain/documents.h"

#include "services/identity/domain/check_digits.h"
#include "services/identity/domain/document_text.h"
#include "services/identity/domain/passports.h"

namespace epigrid::identity {
namespace {

using std::chrono::sys_days;

constexpr std::string_view kChina = "CHN";
// Enough for both machine-readable lines in three-byte characters with separators; more is no
// document.
constexpr size_t kInputBytesMax = 512;

Status LengthError(std::string message) {
  return DocumentError("number", "DOCUMENT_LENGTH", std::move(message));
}
Status CharacterError(std::string message) {
  return DocumentError("number", "DOCUMENT_CHARACTER", std::move(message));
}

// Length, characters, check character and birth date of the numbers that are built after GB 11643.
Status ParseEighteen(const std::string& number, sys_days today, Document& document) {
  if (number.size() == 15 && AllDigits(number)) {
    return LengthError(
        "15-digit numbers ended in 2013: give the 18-digit number of the present card");
  }
  if (number.size() != 18) return LengthError("the number has 18 characters");
  const std::string_view digits = std::string_view(number).substr(0, 17);
  if (!AllDigits(digits) || (!AllDigits(number.substr(17)) && number[17] != 'X')) {
    return CharacterError("the number is 17 digits and then a digit or X");
  }
  if (Mod11_2CheckCharacter(digits) != number[17]) {
    return DocumentError(
        "number", "DOCUMENT_CHECK_DIGIT",
        "the last character does not fit the others: one is mistyped or two are swapped");
  }
  document.birth_date = ParseBirthDate(number.substr(6, 8), today);
  if (!document.birth_date) {
    return DocumentError("number", "DOCUMENT_BIRTH_DATE",
                         "the birth date (digits 7 to 14) is not a date from 1900 until today");
  }
  document.number = number;
  return OkStatus();
}

// GB/T 2260: digits 3 and 4 are 01-70 for prefectures and their like, or 90 for counties under the
// province itself; Hong Kong, Macao and Taiwan have no prefectures. Digits 5 and 6 may be 00: some
// cities have no counties.
bool IsDivisionCode(std::string_view six_digits) {
  const std::string_view province = six_digits.substr(0, 2);
  const std::string_view prefecture = six_digits.substr(2, 2);
  if (!IsProvinceCode(province)) return false;
  if (province >= "71") return true;
  return (prefecture >= "01" && prefecture <= "70") || prefecture == "90";
}

Status ParseResidentId(const std::string& number, sys_days today, Document& document) {
  EPIGRID_RETURN_IF_ERROR(ParseEighteen(number, today, document));
  if (!IsDivisionCode(std::string_view(number).substr(0, 6))) {
    return DocumentError("number", "DOCUMENT_DIVISION",
                         "the first six digits are not an administrative division of GB/T 2260");
  }
  return OkStatus();
}

Status ParseHongKongMacaoPermit(const std::string& number, Document& document) {
  if (number.size() != 9 && number.size() != 11) {
    return LengthError(
        "the permit number is H or M and eight digits, or ten with the count of renewals");
  }
  if ((number[0] != 'H' && number[0] != 'M') || !AllDigits(number.substr(1))) {
    return CharacterError("the permit number is H or M and then digits only");
  }
  document.number = number.substr(0, 9);
  return OkStatus();
}

Status ParseTaiwanPermit(const std::string& number, Document& document) {
  if (number.size() != 8 && number.size() != 10) {
    return LengthError("the permit number has eight digits, or ten with the count of renewals");
  }
  if (!AllDigits(number)) return CharacterError("the permit number has digits only");
  document.number = number.substr(0, 8);
  return OkStatus();
}

// The older form: nationality (3 letters), area of application (4), birth YYMMDD (6), sequence (1),
// check digit (1).
Status ParseOldPermanentResidence(const std::string& number, sys_days today, Document& document) {
  if (!AllUpperLetters(number.substr(0, 3)) || !AllDigits(number.substr(3))) {
    return CharacterError("the 15-character number is three letters and 12 digits");
  }
  if (!IsCountryAlpha3(number.substr(0, 3))) {
    return DocumentError("number", "DOCUMENT_COUNTRY",
                         "the first three letters are not a country of ISO 3166-1");
  }
  if (!IsProvinceCode(number.substr(3, 2))) {
    return DocumentError("number", "DOCUMENT_DIVISION",
                         "digits 4 and 5 are not a province of GB/T 2260");
  }
  document.birth_date = ParseShortBirthDate(number.substr(7, 6), today);
  if (!document.birth_date) {
    return DocumentError("number", "DOCUMENT_BIRTH_DATE",
                         "the birth date (digits 8 to 13) is not a date until today");
  }
  document.number = number;
  return OkStatus();
}

// Since December 2023: 9, province of application (2), nationality (3, numeric), birth (8),
// sequence (3), check.
Status ParsePermanentResidence(const std::string& number, sys_days today, Document& document) {
  if (number.size() == 15) return ParseOldPermanentResidence(number, today, document);
  if (number.size() != 18) {
    return LengthError("the number has 18 characters, on cards issued before December 2023 15");
  }
  if (number[0] != '9')
    return CharacterError("an 18-digit foreign permanent resident number begins with 9");
  EPIGRID_RETURN_IF_ERROR(ParseEighteen(number, today, document));
  if (!IsProvinceCode(number.substr(1, 2))) {
    return DocumentError("number", "DOCUMENT_DIVISION",
                         "digits 2 and 3 are not a province of GB/T 2260");
  }
  if (!IsCountryNumeric(number.substr(3, 3))) {
    return DocumentError("number", "DOCUMENT_COUNTRY",
                         "digits 4 to 6 are not a country of ISO 3166-1");
  }
  return OkStatus();
}

// Documents of Chinese authorities other than passports.
Status ParseChineseDocument(const DocumentInput& input, sys_days today, Document& document) {
  if (!input.machine_readable_line.empty()) {
    return DocumentError("machine_readable_line", "DOCUMENT_MACHINE_READABLE",
                         "only passports are read by their machine-readable line: leave it empty");
  }
  const std::string issuer = FoldDocumentText(input.issuer);
  if (!issuer.empty() && issuer != kChina) {
    return DocumentError("issuer", "DOCUMENT_ISSUER",
                         "the issuer of this type is CHN: leave it empty");
  }
  document.issuer = kChina;
  const std::string number = FoldDocumentText(input.number);
  switch (input.type) {
    case DocumentType::kResidentId: return ParseResidentId(number, today, document);
    case DocumentType::kHongKongMacaoPermit: return ParseHongKongMacaoPermit(number, document);
    case DocumentType::kTaiwanPermit: return ParseTaiwanPermit(number, document);
    case DocumentType::kForeignPermanentResidence:
      return ParsePermanentResidence(number, today, document);
    case DocumentType::kUnspecified:
    case DocumentType::kPassport: break;
  }
  return DocumentError("type", "DOCUMENT_TYPE_UNKNOWN", "say which type of document it is");
}

}  // namespace

std::string_view DocumentTypeName(DocumentType type) {
  switch (type) {
    case DocumentType::kUnspecified: return "UNSPECIFIED";
    case DocumentType::kResidentId: return "RESIDENT_ID";
    case DocumentType::kPassport: return "PASSPORT";
    case DocumentType::kHongKongMacaoPermit: return "HONG_KONG_MACAO_PERMIT";
    case DocumentType::kTaiwanPermit: return "TAIWAN_PERMIT";
    case DocumentType::kForeignPermanentResidence: return "FOREIGN_PERMANENT_RESIDENCE";
  }
  return "UNSPECIFIED";
}

std::string Document::Canonical() const {
  return std::string(DocumentTypeName(type)) + ":" + issuer + ":" + number;
}

Result<Document> ParseDocument(const DocumentInput& input, sys_days today) {
  if (DocumentTypeName(input.type) == DocumentTypeName(DocumentType::kUnspecified)) {
    return DocumentError("type", "DOCUMENT_TYPE_UNKNOWN", "say which type of document it is");
  }
  for (const auto& [field, text] :
       {std::pair("number", &input.number), std::pair("issuer", &input.issuer),
        std::pair("machine_readable_line", &input.machine_readable_line)}) {
    if (text->size() > kInputBytesMax) {
      return DocumentError(field, "DOCUMENT_LENGTH", "this is far longer than any document's");
    }
  }
  if (FoldDocumentText(input.number).empty() &&
      FoldDocumentText(input.machine_readable_line).empty()) {
    return DocumentError("number", "DOCUMENT_MISSING", "give the document's number");
  }
  if (input.type == DocumentType::kPassport) return ParsePassport(input, today);
  Document document;
  document.type = input.type;
  EPIGRID_RETURN_IF_ERROR(ParseChineseDocument(input, today, document));
  return document;
}

}  // namespace epigrid::identity
