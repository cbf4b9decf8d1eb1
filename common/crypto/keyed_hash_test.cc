#include "common/crypto/keyed_hash.h"

#include <gtest/gtest.h>

#include "common/base/hex.h"

namespace epigrid {
namespace {

SecretKey KeyOf(std::string_view hex) { return SecretKey::FromBytes(*FromHex(hex)); }

TEST(KeyedHash, IsHmacSha256) {
  // RFC 4231, test case 1 has a 20-byte key; zeros behind it are how HMAC itself pads a short one.
  const KeyedHash hash(KeyOf("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b000000000000000000000000"));
  EXPECT_EQ(hash.HexOf("Hi There"),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(ToHex(hash.Of("Hi There")), hash.HexOf("Hi There"));
}

TEST(KeyedHash, DependsOnTheKey) {
  OpenSslRandom random;
  EXPECT_NE(KeyedHash(SecretKey::Random(random)).Of("a"),
            KeyedHash(SecretKey::Random(random)).Of("a"));
}

TEST(DeriveKey, IsHkdfSha256) {
  // Computed by another implementation: HMAC(key = HMAC(zeros, secret), "label" || 0x01).
  const SecretKey secret =
      KeyOf("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  EXPECT_EQ(ToHex(DeriveKey(secret, "label").bytes()),
            "479dd84d163df1782566e1803faf199e24d3af4dcc119c299dc0190b1c46198f");
}

TEST(DeriveKey, LabelsGiveIndependentKeys) {
  OpenSslRandom random;
  const SecretKey root = SecretKey::Random(random);
  EXPECT_EQ(DeriveKey(root, "a"), DeriveKey(root, "a"));
  EXPECT_FALSE(DeriveKey(root, "a") == DeriveKey(root, "b"));
  EXPECT_FALSE(DeriveKey(root, "a") == root);
}

TEST(Hex, GoesBothWays) {
  EXPECT_EQ(ToHex(std::string("\x00\xff\x1a", 3)), "00ff1a");
  EXPECT_EQ(FromHex("00Ff1a"), std::string("\x00\xff\x1a", 3));
  EXPECT_EQ(FromHex("0"), std::nullopt);
  EXPECT_EQ(FromHex("0g"), std::nullopt);
  EXPECT_EQ(FromHex(""), "");
}

}  // namespace
}  // namespace epigrid
