#include "common/crypto/key_cache.h"

#include <gtest/gtest.h>

namespace epigrid {
namespace {

using namespace std::chrono_literals;

constexpr Time kStart = Time::FromSeconds(1000);
const PersonKey kErased{.state = PersonKey::State::kErased, .key = {}};

PersonKey Present() {
  OpenSslRandom random;
  return {.state = PersonKey::State::kPresent, .key = SecretKey::Random(random)};
}

TEST(KeyCache, KeepsAKeyForItsAge) {
  KeyCache cache(10, 60s);
  const PersonKey key = Present();
  cache.Put("a", key, kStart);
  ASSERT_TRUE(cache.Find("a", kStart + 60s).has_value());
  EXPECT_EQ(cache.Find("a", kStart + 60s)->key, key.key);
  EXPECT_FALSE(cache.Find("a", kStart + 61s).has_value());
  EXPECT_EQ(cache.size(), 0u);
}

TEST(KeyCache, AClockSetBackForgetsRatherThanKeepsTooLong) {
  KeyCache cache(10, 60s);
  cache.Put("a", Present(), kStart);
  EXPECT_FALSE(cache.Find("a", kStart - 1s).has_value());
}

TEST(KeyCache, TombstonesAreFinal) {
  KeyCache cache(10, 60s);
  cache.Put("a", Present(), kStart);
  cache.Put("a", kErased, kStart);
  cache.Put("a", Present(), kStart);
  EXPECT_EQ(cache.Find("a", kStart + 24h)->state, PersonKey::State::kErased);
}

TEST(KeyCache, DropsTheOneUsedLongestAgo) {
  KeyCache cache(2, 60s);
  cache.Put("a", Present(), kStart);
  cache.Put("b", Present(), kStart);
  EXPECT_TRUE(cache.Find("a", kStart).has_value());
  cache.Put("c", Present(), kStart);
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_FALSE(cache.Find("b", kStart).has_value());
  EXPECT_TRUE(cache.Find("a", kStart).has_value());
}

TEST(KeyCache, DoesNotKeepWhatIsUnknown) {
  KeyCache cache(2, 60s);
  cache.Put("a", PersonKey(), kStart);
  EXPECT_EQ(cache.size(), 0u);
}

}  // namespace
}  // namespace epigrid
