#include "common/crypto/sealed_box.h"

#include <gtest/gtest.h>

#include <set>

namespace epigrid {
namespace {

constexpr SealBinding kBinding{.subject = "person_a", .purpose = "registration"};

class SealedBoxTest : public testing::Test {
 protected:
  OpenSslRandom random_;
  SecretKey key_ = SecretKey::Random(random_);
};

TEST_F(SealedBoxTest, OpensToWhatWasSealed) {
  for (const std::string& text : {std::string(), std::string("张三"), std::string(100'000, '\0')}) {
    const std::string box = Seal(key_, kBinding, text, random_);
    EXPECT_EQ(box.size(), text.size() + kSealedBoxOverhead);
    Result<std::string> opened = Open(key_, kBinding, box);
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    EXPECT_EQ(*opened, text);
  }
}

TEST_F(SealedBoxTest, NoTwoBoxesAreAlike) {
  std::set<std::string> boxes;
  for (int i = 0; i < 100; ++i) boxes.insert(Seal(key_, kBinding, "same", random_));
  EXPECT_EQ(boxes.size(), 100u);
}

TEST_F(SealedBoxTest, EveryChangedBitIsNoticed) {
  const std::string box = Seal(key_, kBinding, "a name", random_);
  for (size_t bit = 0; bit < box.size() * 8; ++bit) {
    std::string changed = box;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << bit % 8));
    Result<std::string> opened = Open(key_, kBinding, changed);
    ASSERT_FALSE(opened.ok()) << bit;
    EXPECT_EQ(opened.status().code(), Code::kDataLoss);
    EXPECT_EQ(opened.status().reason(), bit < 8 ? "SEALED_BOX_MALFORMED" : "SEALED_BOX_TAMPERED");
  }
}

TEST_F(SealedBoxTest, EveryCutIsNoticed) {
  const std::string box = Seal(key_, kBinding, "a name", random_);
  for (size_t size = 0; size < box.size(); ++size) {
    EXPECT_FALSE(Open(key_, kBinding, std::string_view(box).substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(Open(key_, kBinding, box + "x").ok());
}

TEST_F(SealedBoxTest, OpensForNobodyElseAndForNothingElse) {
  const std::string box = Seal(key_, kBinding, "a name", random_);
  EXPECT_FALSE(Open(SecretKey::Random(random_), kBinding, box).ok());
  EXPECT_FALSE(Open(key_, {.subject = "person_b", .purpose = "registration"}, box).ok());
  EXPECT_FALSE(Open(key_, {.subject = "person_a", .purpose = "update"}, box).ok());
  // What belongs to the subject cannot be moved into the purpose.
  EXPECT_FALSE(Open(key_, {.subject = "person_ar", .purpose = "egistration"}, box).ok());
}

}  // namespace
}  // namespace epigrid
