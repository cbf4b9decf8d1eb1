// Identity documents: from what a clerk or a machine gives to one canonical form per document.
//
// The canonical form is what a person is recognised by: its keyed hash decides whether two
// registrations are one person. So every spelling of one document gives the same canonical form:
// letters in either case, full-width characters, spaces and hyphens, a passport number with its
// check digit or out of its machine-readable zone, a permit number with the count of its renewals.
//
//   EPIGRID_ASSIGN_OR_RETURN(Document document,
//                            ParseDocument({.type = DocumentType::kResidentId,
//                                           .number = "11010519491231002x"}, today));
//   // "RESIDENT_ID:CHN:11010519491231002X": never to a log, never in clear
//   std::string secret = document.Canonical();
//
// Errors are INVALID_ARGUMENT with metadata "field" (document.type, .number, .issuer or
// .machine_readable_line). Their messages say what to mend and never contain any part of the
// number. Reasons:
//   DOCUMENT_TYPE_UNKNOWN      no type was given
//   DOCUMENT_MISSING           neither number nor machine-readable line
//   DOCUMENT_LENGTH            too few or too many characters for its type
//   DOCUMENT_CHARACTER         a character that cannot stand there
//   DOCUMENT_CHECK_DIGIT       a check digit is wrong: a character is mistyped or two are swapped
//   DOCUMENT_DIVISION          the administrative division (GB/T 2260) cannot be
//   DOCUMENT_COUNTRY           the nationality inside the number is none
//   DOCUMENT_BIRTH_DATE        the birth date is no date, before 1900, or in the future
//   DOCUMENT_ISSUER            the issuing state is missing, unknown, or not the one in the machine-readable zone
//   DOCUMENT_MACHINE_READABLE  the machine-readable zone is another document's than the number
//
// Sources: GB 11643-1999 (ISO 7064 MOD 11-2), GB/T 2260, ICAO Doc 9303 parts 3 and 4, and the
// National Immigration Administration's notes on permits and on the 2023 permanent residence card.
// No threads, no state.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/status.h"

namespace epigrid::identity {

enum class DocumentType : uint8_t {
  kUnspecified = 0,
  // The 18-digit citizen identity number, and the same number on residence permits of people from
  // Hong Kong (810000), Macao (820000) and Taiwan (830000).
  kResidentId = 1,
  kPassport = 2,
  // Mainland travel permit for Hong Kong and Macao residents: H or M and eight digits, then perhaps
  // two digits that count renewals and are not part of the canonical form.
  kHongKongMacaoPermit = 3,
  // Mainland travel permit for Taiwan residents: eight digits, then perhaps two that count
  // renewals.
  kTaiwanPermit = 4,
  // Foreign permanent resident ID: 18 digits that begin with 9 (since December 2023), or three
  // letters and 12 digits. The older form's check digit has no public definition and is not
  // checked.
  kForeignPermanentResidence = 5,
};

// "RESIDENT_ID"; "UNSPECIFIED" for what is no document type.
std::string_view DocumentTypeName(DocumentType type);

// A document as it was given. Only passports have an issuer and a machine-readable line; others
// ignore neither: an issuer other than CHN, or a machine-readable line, is refused for them.
struct DocumentInput {
  DocumentType type = DocumentType::kUnspecified;
  // May be empty if the machine-readable line is given.
  std::string number;
  // The issuing state as the passport prints it: three letters of ISO 3166-1 or ICAO 9303 ("D" or
  // "DEU" for Germany). May be empty if both machine-readable lines are given.
  std::string issuer;
  // The second line (44 characters) of a passport's machine-readable zone, or both lines (88); all
  // check digits count.
  std::string machine_readable_line;
};

struct Document {
  DocumentType type = DocumentType::kUnspecified;
  std::string issuer;  // "CHN"; a passport's issuing state
  std::string number;  // upper case, half width, without separators, check digits of passports or
                       // renewal counts
  // Where the document says so.
  std::optional<std::chrono::sys_days> birth_date;

  // "<type>:<issuer>:<number>"; equal exactly for equal documents.
  std::string Canonical() const;
};

// `today` is the local date of whoever takes the document: births after it are refused.
Result<Document> ParseDocument(const DocumentInput& input, std::chrono::sys_days today);

}  // namespace epigrid::identity
