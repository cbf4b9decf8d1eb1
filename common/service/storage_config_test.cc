#include "common/service/storage_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace epigrid {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> Load(StorageConfig& config, std::vector<std::string> arguments) {
  ConfigSpec spec;
  config.AddTo(spec);
  ConfigSources sources;
  sources.arguments = std::move(arguments);
  return spec.Load(sources);
}

TEST(StorageConfigTest, TheViewsAreOnOneServer) {
  StorageConfig config;
  EXPECT_THAT(Load(config, {"--view-redis-address=unix:/run/view.sock"}), IsEmpty());
  EXPECT_EQ(config.ViewRedis().address.ToString(), "/run/view.sock");
  EXPECT_THAT(config.ViewRedis().seeds, IsEmpty());
}

TEST(StorageConfigTest, OrOnAClusterOfWhichEveryNodeWantsThePassword) {
  StorageConfig config;
  EXPECT_THAT(Load(config, {"--view-redis-cluster=a:6379,[::1]:6380", "--view-redis-user=epigrid",
                            "--view-redis-password=secret"}),
              IsEmpty());
  const RedisOptions options = config.ViewRedis();
  ASSERT_EQ(options.seeds.size(), 2u);
  EXPECT_EQ(options.Where(), "a:6379,::1:6380");
  for (const RedisAddress& seed : options.seeds) {
    EXPECT_EQ(seed.user, "epigrid");
    EXPECT_EQ(seed.password, "secret");
  }
}

TEST(StorageConfigTest, SaysWhatToMend) {
  StorageConfig config;
  EXPECT_THAT(Load(config, {"--view-redis-cluster=a:1", "--view-redis-address=b:1"}),
              ElementsAre(HasSubstr("exclude each other")));
  for (const char* node : {"a", "unix:/run/view.sock", "a:0"}) {
    StorageConfig wrong;
    EXPECT_THAT(Load(wrong, {"--view-redis-cluster=b:1," + std::string(node)}),
                ElementsAre(HasSubstr(std::string(node) + " must be host:port")));
  }
  StorageConfig shared;
  EXPECT_THAT(Load(shared, {"--view-redis-cluster=a:1,b:1", "--log-redis-address=b:1"}),
              ElementsAre(HasSubstr("must be two Redis processes")));
}

}  // namespace
}  // namespace epigrid
