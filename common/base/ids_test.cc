#include "common/base/ids.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace epigrid {
namespace {

constexpr IdBytes kZeros{};

IdBytes Filled(uint8_t byte) {
  IdBytes bytes;
  bytes.fill(byte);
  return bytes;
}

TEST(IdsTest, EncodesAsCrockfordDoes) {
  EXPECT_EQ(MakeId(kPersonId, kZeros).substr(0, 33), "person_00000000000000000000000000");
  EXPECT_EQ(MakeId(kPersonId, Filled(0xff)).substr(0, 33), "person_7zzzzzzzzzzzzzzzzzzzzzzzzz");
  // The bytes of the example of the ULID specification, 01ARZ3NDEKTSV4RRFFQ69G5FAV.
  const IdBytes ulid = {0x01, 0x56, 0x3e, 0x3a, 0xb5, 0xd3, 0xd6, 0x76,
                        0x4c, 0x61, 0xef, 0xb9, 0x93, 0x02, 0xbd, 0x5b};
  EXPECT_EQ(MakeId(kCaseId, ulid).substr(0, 31), "case_01arz3ndektsv4rrffq69g5fav");
}

TEST(IdsTest, WhatIsMadeIsAccepted) {
  OpenSslRandom random;
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    const std::string id = MakeId(kSettingId, random.NextIdBytes());
    EXPECT_EQ(id.size(), std::string("setting_").size() + 27);
    EXPECT_TRUE(CheckId(kSettingId, id, "setting").ok()) << id;
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 1000);
}

class SeededRandom final : public RandomSource {
 public:
  void Fill(uint8_t* bytes, size_t size) override {
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(generator_());
  }

 private:
  std::mt19937 generator_;  // NOLINT(cert-msc51-cpp): the same ids in every run
};

TEST(IdsTest, OneWrongCharacterIsRefused) {
  SeededRandom random;
  for (int round = 0; round < 20; ++round) {
    const std::string id = MakeId(kPersonId, random.NextIdBytes());
    for (size_t i = 0; i < id.size(); ++i) {
      for (char c : std::string("0123456789abcdefghijklmnopqrstuvwxyzA_- ")) {
        std::string wrong = id;
        wrong[i] = c;
        EXPECT_EQ(CheckId(kPersonId, wrong, "person").ok(), wrong == id) << wrong;
      }
    }
  }
}

TEST(IdsTest, NearlyAllSwapsOfNeighboursAreRefused) {
  SeededRandom random;
  int swaps = 0;
  int accepted = 0;
  for (int round = 0; round < 1000; ++round) {
    const std::string id = MakeId(kPersonId, random.NextIdBytes());
    for (size_t i = 0; i + 1 < id.size(); ++i) {
      std::string swapped = id;
      std::swap(swapped[i], swapped[i + 1]);
      if (swapped == id) continue;
      ++swaps;
      accepted += CheckId(kPersonId, swapped, "person").ok() ? 1 : 0;
    }
  }
  // A hybrid system of ISO 7064 finds all wrong characters, but lets one or two swaps in a thousand
  // through.
  EXPECT_LT(accepted, swaps * 2 / 1000) << swaps;
}

TEST(IdsTest, RubbishIsRefusedWithTheFieldsName) {
  const std::string good = MakeId(kPersonId, kZeros);
  std::string upper = good;
  std::transform(upper.begin(), upper.end(), upper.begin(), ::toupper);
  for (const std::string& bad :
       {std::string(), std::string("person_"), good + "0", good.substr(0, good.size() - 1), upper,
        "case" + good.substr(6), MakeId(kSettingId, kZeros), good.substr(7)}) {
    Status status = CheckId(kPersonId, bad, "person_id");
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_EQ(status.reason(), "ID_MALFORMED");
    EXPECT_EQ(status.metadata().at("field"), "person_id");
  }
}

TEST(IdsTest, DerivedIdsDependOnEveryPartAndItsBorders) {
  const std::string id = DeriveId(kMessageId, {"person", "colour"});
  EXPECT_TRUE(CheckId(kMessageId, id, "message").ok());
  EXPECT_EQ(id, DeriveId(kMessageId, {"person", "colour"}));
  EXPECT_NE(id, DeriveId(kMessageId, {"personc", "olour"}));
  EXPECT_NE(id, DeriveId(kMessageId, {"personcolour"}));
  EXPECT_NE(id, DeriveId(kMessageId, {"person", "colour", ""}));
  EXPECT_NE(id, DeriveId(kMessageId, {"colour", "person"}));
}

// Ids are stored for years: these may never change. The checks of ISO 7064 MOD 37,36 were computed
// apart from this program.
TEST(IdsTest, TestVectors) {
  EXPECT_EQ(MakeId(kPersonId, kZeros), "person_000000000000000000000000003");
  EXPECT_EQ(MakeId(kPersonId, Filled(0xff)), "person_7zzzzzzzzzzzzzzzzzzzzzzzzzh");
  EXPECT_EQ(DeriveId(kCaseId, {"a", "bc"}), "case_1znygwybrsmz0h56zb437gk0zq0");
}

}  // namespace
}  // namespace epigrid
