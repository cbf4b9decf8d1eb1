#include "common/base/shard.h"

#include <gtest/gtest.h>

#include <array>

namespace epigrid {
namespace {

// A shard is for ever, and so are these: computed apart from this program, by `xxhsum -H3`.
TEST(ShardTest, TestVectors) {
  EXPECT_EQ(kShardHashName, "xxh3-64-mod");
  EXPECT_EQ(ShardOf("", 64), 0x2d06800538d394c2u % 64);
  EXPECT_EQ(ShardOf("a", 64), 0xe6c632b61e964e1fu % 64);
  EXPECT_EQ(ShardOf("person_00000000000000000000000000", 64), 0x6c48767809204b8fu % 64);
  EXPECT_EQ(ShardOf("setting_7zzzzzzzzzzzzzzzzzzzzzzzzz", 64), 0xf9f8a99d38f1768eu % 64);
  EXPECT_EQ(ShardOf("中央公园", 48), 0x2565754f40acb46du % 48);
}

TEST(ShardTest, TagsNameServiceAndShard) {
  EXPECT_EQ(ShardTag("health_code", 7), "{health_code-7}");
}

TEST(ShardTest, IdsSpreadEvenly) {
  std::array<int, 64> count{};
  for (int i = 0; i < 64'000; ++i) ++count[ShardOf("person_" + std::to_string(i), 64)];
  for (int n : count) {
    EXPECT_GT(n, 850);
    EXPECT_LT(n, 1150);
  }
}

// CRC-16/XMODEM, with which Redis Cluster finds a key's slot.
uint16_t Crc16(std::string_view text) {
  uint16_t crc = 0;
  for (char c : text) {
    crc = static_cast<uint16_t>(crc ^ static_cast<uint8_t>(c) << 8);
    for (int bit = 0; bit < 8; ++bit) {
      crc = static_cast<uint16_t>(crc << 1 ^ (crc & 0x8000 ? 0x1021 : 0));
    }
  }
  return crc;
}

TEST(ShardTest, TagsSpreadEvenlyOverThreePrimariesOfRedisCluster) {
  ASSERT_EQ(Crc16("123456789"), 0x31C3);
  std::array<int, 3> all{};
  for (std::string_view service : {"identity", "health_code", "contact_tracing", "notification"}) {
    std::array<int, 3> shards{};
    for (Shard shard = 0; shard < kDefaultShardCount; ++shard) {
      const std::string tag = ShardTag(service, shard);
      const int slot = Crc16(std::string_view(tag).substr(1, tag.size() - 2)) % 16384;
      ++shards[slot <= 5460 ? 0 : slot <= 10922 ? 1 : 2];
    }
    // A third of 64 is 21; a primary with half as many again would be the one that is always full.
    for (int i = 0; i < 3; ++i) {
      EXPECT_GE(shards[i], 18) << service;
      EXPECT_LE(shards[i], 25) << service;
      all[i] += shards[i];
    }
  }
  for (int shards : all) {  // a third of 256 is 85
    EXPECT_GE(shards, 80);
    EXPECT_LE(shards, 90);
  }
}

}  // namespace
}  // namespace epigrid
