// Properties that hold for every document, on seeded random ones.
#include <gtest/gtest.h>

#include <random>

#include "services/identity/domain/check_digits.h"
#include "services/identity/domain/documents.h"

namespace epigrid::identity {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using namespace std::chrono_literals;

constexpr sys_days kToday = 2022y / 1 / 10;
constexpr int kDocuments = 300;

class Generator {
 public:
  int Below(int bound) { return static_cast<int>(random_() % static_cast<uint64_t>(bound)); }

  std::string ResidentId() {
    static constexpr const char* kDivisions[] = {"110105", "441900", "310101", "659001", "510104"};
    const std::chrono::year_month_day born(sys_days(1900y / 1 / 1) + days(Below(44'000)));
    char digits[18];
    std::snprintf(digits, sizeof(digits), "%s%04d%02u%02u%03d", kDivisions[Below(5)],
                  static_cast<int>(born.year()), static_cast<unsigned>(born.month()),
                  static_cast<unsigned>(born.day()), Below(1000));
    return std::string(digits) + Mod11_2CheckCharacter(digits);
  }

  std::string PassportNumber() {
    static constexpr std::string_view kAlphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789";
    std::string number;
    for (int i = 0; i < 9; ++i)
      number += kAlphabet[static_cast<size_t>(Below(static_cast<int>(kAlphabet.size())))];
    return number;
  }

  // The same text as someone else might type it.
  std::string Respell(const std::string& text) {
    static constexpr const char* kSeparators[] = {" ", "-", "\t", "　", "–", "\u00a0", "\u200b"};
    std::string respelt;
    for (char c : text) {
      if (Below(4) == 0) respelt += kSeparators[Below(7)];
      if (Below(2) == 0) {
        respelt += static_cast<char>(std::tolower(c));
      } else {
        respelt += "\xef\xbc";  // U+FF01 + (c - '!') is EF BC 81.., then EF BD 80.. from '`' on
        respelt += static_cast<char>(0x81 + (c - '!'));
      }
    }
    return respelt;
  }

 private:
  std::mt19937_64 random_{20220110};
};

Result<Document> Parse(DocumentType type, std::string number, std::string issuer = "") {
  return ParseDocument({.type = type,
                        .number = std::move(number),
                        .issuer = std::move(issuer),
                        .machine_readable_line = {}},
                       kToday);
}

TEST(DocumentProperties, EverySingleWrongCharacterOfAResidentIdIsCaught) {
  Generator generator;
  for (int i = 0; i < kDocuments; ++i) {
    const std::string valid = generator.ResidentId();
    ASSERT_TRUE(Parse(DocumentType::kResidentId, valid).ok());
    for (size_t position = 0; position < valid.size(); ++position) {
      for (char c : std::string_view("0123456789X")) {
        if (c == valid[position]) continue;
        std::string wrong = valid;
        wrong[position] = c;
        EXPECT_FALSE(Parse(DocumentType::kResidentId, wrong).ok()) << wrong;
      }
    }
  }
}

TEST(DocumentProperties, EverySwapOfTwoCharactersOfAResidentIdIsCaught) {
  // But of those ten apart, which have the same weight: 2 to the tenth is 1 modulo 11.
  Generator generator;
  for (int i = 0; i < kDocuments; ++i) {
    const std::string valid = generator.ResidentId();
    for (size_t first = 0; first < valid.size(); ++first) {
      for (size_t second = first + 1; second < valid.size(); ++second) {
        if (valid[first] == valid[second] || second - first == 10) continue;
        std::string wrong = valid;
        std::swap(wrong[first], wrong[second]);
        EXPECT_FALSE(Parse(DocumentType::kResidentId, wrong).ok()) << wrong;
      }
    }
  }
}

TEST(DocumentProperties, EverySpellingHasTheSameCanonicalForm) {
  Generator generator;
  for (int i = 0; i < kDocuments; ++i) {
    const std::string number = generator.ResidentId();
    Result<Document> respelt = Parse(DocumentType::kResidentId, generator.Respell(number));
    ASSERT_TRUE(respelt.ok()) << number;
    EXPECT_EQ(respelt->Canonical(), "RESIDENT_ID:CHN:" + number);
    const std::string passport = generator.PassportNumber();
    const std::string with_check = passport + MachineReadableCheckDigit(passport);
    respelt = Parse(DocumentType::kPassport, generator.Respell(with_check), "fra");
    ASSERT_TRUE(respelt.ok()) << with_check;
    EXPECT_EQ(respelt->Canonical(), "PASSPORT:FRA:" + passport);
  }
}

TEST(DocumentProperties, TheCanonicalNumberIsItsOwnCanonicalForm) {
  Generator generator;
  for (int i = 0; i < kDocuments; ++i) {
    Result<Document> once = Parse(DocumentType::kPassport, generator.PassportNumber(), "GBR");
    ASSERT_TRUE(once.ok());
    EXPECT_EQ(Parse(DocumentType::kPassport, once->number, once->issuer)->Canonical(),
              once->Canonical());
  }
}

}  // namespace
}  // namespace epigrid::identity
