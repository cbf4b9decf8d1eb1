#include "services/identity/domain/documents.h"

#include <gtest/gtest.h>

#include "services/identity/domain/check_digits.h"

namespace epigrid::identity {
namespace {

using std::chrono::sys_days;
using namespace std::chrono_literals;

constexpr sys_days kToday = 2022y / 1 / 10;

std::string Canonical(const DocumentInput& input) {
  Result<Document> document = ParseDocument(input, kToday);
  return document.ok() ? document->Canonical() : document.status().ToString();
}
std::string Reason(const DocumentInput& input) {
  Result<Document> document = ParseDocument(input, kToday);
  return document.ok() ? "" : document.status().reason();
}
std::string WithCheck(std::string digits) { return digits + Mod11_2CheckCharacter(digits); }

DocumentInput ResidentId(std::string number) {
  return {.type = DocumentType::kResidentId,
          .number = std::move(number),
          .issuer = {},
          .machine_readable_line = {}};
}
DocumentInput Passport(std::string number, std::string issuer, std::string lines = "") {
  return {.type = DocumentType::kPassport,
          .number = std::move(number),
          .issuer = std::move(issuer),
          .machine_readable_line = std::move(lines)};
}
DocumentInput Of(DocumentType type, std::string number) {
  return {.type = type, .number = std::move(number), .issuer = {}, .machine_readable_line = {}};
}

// ICAO Doc 9303-4, appendix B.
constexpr const char* kSpecimenLine1 = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<";
constexpr const char* kSpecimenLine2 = "L898902C36UTO7408122F1204159ZE184226B<<<<<10";

TEST(CheckDigits, Mod11_2AgreesWithPublishedNumbers) {
  EXPECT_EQ(Mod11_2CheckCharacter("11010519491231002"), 'X');  // GB 11643-1999, appendix A
  EXPECT_EQ(Mod11_2CheckCharacter("44052418800101001"), '4');  // the same
  EXPECT_EQ(Mod11_2CheckCharacter("000000021825009"),
            '7');  // ORCID's example, which uses the same scheme
}

TEST(CheckDigits, MachineReadableAgreesWithIcao) {
  EXPECT_EQ(MachineReadableCheckDigit("520727"), '3');     // Doc 9303-3, appendix A, example 1
  EXPECT_EQ(MachineReadableCheckDigit("AB2134<<<"), '5');  // example 2
  EXPECT_EQ(MachineReadableCheckDigit("L898902C3"), '6');
}

TEST(ResidentIdDocuments, TellsBirthDateAndSex) {
  Result<Document> document = ParseDocument(ResidentId("11010519491231002X"), kToday);
  ASSERT_TRUE(document.ok()) << document.status().ToString();
  EXPECT_EQ(document->Canonical(), "RESIDENT_ID:CHN:11010519491231002X");
  EXPECT_EQ(document->birth_date, sys_days(1949y / 12 / 31));
}

TEST(ResidentIdDocuments, EverySpellingIsTheSameDocument) {
  const std::string expected = "RESIDENT_ID:CHN:11010519491231002X";
  EXPECT_EQ(Canonical(ResidentId("11010519491231002x")), expected);
  EXPECT_EQ(Canonical(ResidentId(" 110105 19491231-002X\t")), expected);
  EXPECT_EQ(Canonical(ResidentId("１１０１０５１９４９１２３１００２Ｘ")), expected);
  EXPECT_EQ(Canonical(ResidentId("110105　19491231‐002ｘ\u200b")), expected);
}

TEST(ResidentIdDocuments, ResidencePermitsOfHongKongMacaoAndTaiwanHaveTheSameNumber) {
  EXPECT_EQ(Reason(ResidentId("810000199408230021")), "");
  EXPECT_EQ(Reason(ResidentId("830000199201300022")), "");
}

TEST(ResidentIdDocuments, RefusesWithTheReasonThatHelps) {
  EXPECT_EQ(Reason(ResidentId("")), "DOCUMENT_MISSING");
  EXPECT_EQ(Reason(ResidentId(" - ")), "DOCUMENT_MISSING");
  EXPECT_EQ(Reason(ResidentId("1101051949123100")), "DOCUMENT_LENGTH");
  EXPECT_EQ(Reason(ResidentId("110105491231002")),
            "DOCUMENT_LENGTH");  // the 15 digits of before 2000
  EXPECT_EQ(Reason(ResidentId(std::string(2000, '1'))), "DOCUMENT_LENGTH");
  EXPECT_EQ(Reason(ResidentId("1101051949I231002X")), "DOCUMENT_CHARACTER");
  EXPECT_EQ(Reason(ResidentId("11010519491231002\xff")), "DOCUMENT_CHARACTER");
  EXPECT_EQ(Reason(ResidentId("X1010519491231002X")), "DOCUMENT_CHARACTER");
  EXPECT_EQ(Reason(ResidentId("110105194912310021")), "DOCUMENT_CHECK_DIGIT");
  EXPECT_EQ(Reason(ResidentId("440524188001010014")), "DOCUMENT_BIRTH_DATE");  // valid, but of 1880
  EXPECT_EQ(Reason(ResidentId(WithCheck("11010519490231002"))), "DOCUMENT_BIRTH_DATE");
  EXPECT_EQ(Reason(ResidentId(WithCheck("11010519000229002"))),
            "DOCUMENT_BIRTH_DATE");  // 1900 had none
  EXPECT_EQ(Reason(ResidentId(WithCheck("11010520220111002"))), "DOCUMENT_BIRTH_DATE");  // tomorrow
  EXPECT_EQ(Reason(ResidentId(WithCheck("11010520220110002"))), "");                     // today
  EXPECT_EQ(Reason(ResidentId(WithCheck("19010519491231002"))), "DOCUMENT_DIVISION");
  EXPECT_EQ(Reason(ResidentId(WithCheck("11000019491231002"))), "DOCUMENT_DIVISION");
  EXPECT_EQ(Reason(ResidentId(WithCheck("44190019901231002"))), "");  // Dongguan has no counties
  EXPECT_EQ(Reason(ResidentId(WithCheck("42900419901231002"))),
            "");  // Xiantao, under the province itself
}

TEST(PassportDocuments, ReadsTheSpecimenOfIcao) {
  Result<Document> document =
      ParseDocument(Passport("", "", std::string(kSpecimenLine1) + "\n" + kSpecimenLine2), kToday);
  ASSERT_TRUE(document.ok()) << document.status().ToString();
  EXPECT_EQ(document->Canonical(), "PASSPORT:UTO:L898902C3");
  EXPECT_EQ(document->birth_date, sys_days(1974y / 8 / 12));
}

TEST(PassportDocuments, EverySpellingIsTheSameDocument) {
  const std::string expected = "PASSPORT:UTO:L898902C3";
  EXPECT_EQ(Canonical(Passport("L898902C3", "UTO")), expected);
  EXPECT_EQ(Canonical(Passport("l898902c3", "uto")), expected);
  EXPECT_EQ(Canonical(Passport("L898902C36", "UTO")), expected);
  EXPECT_EQ(Canonical(Passport("", "UTO", kSpecimenLine2)), expected);
  EXPECT_EQ(Canonical(Passport("L898 902-C3", "UTO", kSpecimenLine2)), expected);
  EXPECT_EQ(Canonical(Passport("AB2134<<<5", "UTO")), "PASSPORT:UTO:AB2134");
  EXPECT_EQ(Canonical(Passport("C01X00T47", "D")), Canonical(Passport("C01X00T478", "DEU")));
}

TEST(PassportDocuments, ShortNumbersKeepTheirLastDigit) {
  EXPECT_EQ(Canonical(Passport("AB21345", "UTO")), "PASSPORT:UTO:AB21345");
}

TEST(PassportDocuments, RefusesEveryWrongCheckDigitOfTheLine) {
  for (size_t position : {9, 19, 27, 42, 43}) {
    std::string line = kSpecimenLine2;
    line[position] = line[position] == '9' ? '8' : static_cast<char>(line[position] + 1);
    EXPECT_EQ(Reason(Passport("", "UTO", line)), "DOCUMENT_CHECK_DIGIT") << position;
  }
}

TEST(PassportDocuments, RefusesWithTheReasonThatHelps) {
  EXPECT_EQ(Reason(Passport("", "UTO")), "DOCUMENT_MISSING");
  EXPECT_EQ(Reason(Passport("L898902C37", "UTO")), "DOCUMENT_CHECK_DIGIT");
  EXPECT_EQ(Reason(Passport("L898902C366", "UTO")), "DOCUMENT_LENGTH");
  EXPECT_EQ(Reason(Passport("<<<<<<<<<0", "UTO")), "DOCUMENT_LENGTH");
  EXPECT_EQ(Reason(Passport("L8<8902C3", "UTO")), "DOCUMENT_CHARACTER");
  EXPECT_EQ(Reason(Passport("L89$902C3", "UTO")), "DOCUMENT_CHARACTER");
  EXPECT_EQ(Reason(Passport("护照898902", "UTO")), "DOCUMENT_CHARACTER");
  EXPECT_EQ(Reason(Passport("L898902C3", "")), "DOCUMENT_ISSUER");
  EXPECT_EQ(Reason(Passport("L898902C3", "QQQ")), "DOCUMENT_ISSUER");
  EXPECT_EQ(Reason(Passport("L898902C3", "CN")), "DOCUMENT_ISSUER");
  EXPECT_EQ(Reason(Passport("L898902C4", "UTO", kSpecimenLine2)), "DOCUMENT_MACHINE_READABLE");
  EXPECT_EQ(Reason(Passport("", "FRA", std::string(kSpecimenLine1) + kSpecimenLine2)),
            "DOCUMENT_ISSUER");
  EXPECT_EQ(Reason(Passport("", "UTO", "L898902C36UTO")), "DOCUMENT_LENGTH");
  EXPECT_EQ(Reason(Passport("", "UTO", std::string("V") + (kSpecimenLine1 + 1) + kSpecimenLine2)),
            "DOCUMENT_MACHINE_READABLE");
}

TEST(PassportDocuments, KnowsTheChineseSeries) {
  for (const char* number :
       {"E12345678", "EA1234567", "G12345678", "D1234567", "SE1234567", "PE1234567", "141234567",
        "154567890", "K12345678", "H12345678", "MA1234567", "P.1234567"}) {
    EXPECT_EQ(Reason(Passport(number, "CHN")), "") << number;
  }
  EXPECT_EQ(Reason(Passport("E1234567", "CHN")), "DOCUMENT_LENGTH");
  EXPECT_EQ(Reason(Passport("EO1234567", "CHN")), "DOCUMENT_CHARACTER");
  EXPECT_EQ(Reason(Passport("E1234567B", "CHN")), "DOCUMENT_CHARACTER");
  EXPECT_EQ(Reason(Passport("123456789", "CHN")), "DOCUMENT_CHARACTER");
  EXPECT_EQ(Reason(Passport("EABC", "CHN")), "DOCUMENT_CHARACTER");
}

TEST(Permits, RenewalsAreTheSamePerson) {
  const auto hong_kong = DocumentType::kHongKongMacaoPermit;
  EXPECT_EQ(Canonical(Of(hong_kong, "h12345678")), "HONG_KONG_MACAO_PERMIT:CHN:H12345678");
  EXPECT_EQ(Canonical(Of(hong_kong, "H12345678 02")), "HONG_KONG_MACAO_PERMIT:CHN:H12345678");
  EXPECT_EQ(Canonical(Of(DocumentType::kTaiwanPermit, "0123456702")), "TAIWAN_PERMIT:CHN:01234567");
  EXPECT_EQ(Canonical(Of(DocumentType::kTaiwanPermit, "01234567")), "TAIWAN_PERMIT:CHN:01234567");
  EXPECT_EQ(Reason(Of(hong_kong, "H1234567")), "DOCUMENT_LENGTH");
  EXPECT_EQ(Reason(Of(hong_kong, "T12345678")), "DOCUMENT_CHARACTER");
  EXPECT_EQ(Reason(Of(DocumentType::kTaiwanPermit, "012345678")), "DOCUMENT_LENGTH");
  EXPECT_EQ(Reason(Of(DocumentType::kTaiwanPermit, "0123456A")), "DOCUMENT_CHARACTER");
}

TEST(PermanentResidence, BothFormsAreRead) {
  const auto type = DocumentType::kForeignPermanentResidence;
  Result<Document> now = ParseDocument(Of(type, WithCheck("93112419800229001")), kToday);
  ASSERT_TRUE(now.ok()) << now.status().ToString();
  EXPECT_EQ(now->birth_date, sys_days(1980y / 2 / 29));
  Result<Document> older = ParseDocument(Of(type, "CAN110078121501"), kToday);
  ASSERT_TRUE(older.ok()) << older.status().ToString();
  EXPECT_EQ(older->birth_date, sys_days(1978y / 12 / 15));
  EXPECT_EQ(ParseDocument(Of(type, "CAN110021121501"), kToday)->birth_date,
            sys_days(2021y / 12 / 15));
  EXPECT_EQ(ParseDocument(Of(type, "CAN110023121501"), kToday)->birth_date,
            sys_days(1923y / 12 / 15));
  EXPECT_EQ(Reason(Of(type, WithCheck("93199919800229001"))), "DOCUMENT_COUNTRY");
  EXPECT_EQ(Reason(Of(type, WithCheck("99912419800229001"))), "DOCUMENT_DIVISION");
  EXPECT_EQ(Reason(Of(type, WithCheck("13112419800229001"))), "DOCUMENT_CHARACTER");
  EXPECT_EQ(Reason(Of(type, WithCheck("93112419810229001"))), "DOCUMENT_BIRTH_DATE");
  EXPECT_EQ(Reason(Of(type, "QQQ110078121501")), "DOCUMENT_COUNTRY");
  EXPECT_EQ(Reason(Of(type, "CAN990078121501")), "DOCUMENT_DIVISION");
  EXPECT_EQ(Reason(Of(type, "CAN110078132501")), "DOCUMENT_BIRTH_DATE");
  EXPECT_EQ(Reason(Of(type, "CAN11007812150")), "DOCUMENT_LENGTH");
}

TEST(DocumentTypes, UnknownTypesAndStrayFieldsAreRefused) {
  EXPECT_EQ(Reason(Of(DocumentType::kUnspecified, "11010519491231002X")), "DOCUMENT_TYPE_UNKNOWN");
  EXPECT_EQ(Reason(Of(static_cast<DocumentType>(99), "11010519491231002X")),
            "DOCUMENT_TYPE_UNKNOWN");
  DocumentInput input = ResidentId("11010519491231002X");
  input.issuer = "FRA";
  EXPECT_EQ(Reason(input), "DOCUMENT_ISSUER");
  input.issuer = "CHN";
  EXPECT_EQ(Reason(input), "");
  input.machine_readable_line = kSpecimenLine2;
  EXPECT_EQ(Reason(input), "DOCUMENT_MACHINE_READABLE");
}

TEST(DocumentTypes, ErrorsNameTheFieldAndNeverTheNumber) {
  Result<Document> document = ParseDocument(ResidentId("110105194912310021"), kToday);
  EXPECT_EQ(document.status().code(), Code::kInvalidArgument);
  EXPECT_EQ(document.status().metadata().at("field"), "document.number");
  EXPECT_EQ(document.status().ToString().find("1949"), std::string::npos);
}

}  // namespace
}  // namespace epigrid::identity
