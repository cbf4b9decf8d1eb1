#include "services/notification/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "services/notification/domain/notification_fold.h"
#include "tests/fakes/temporary_directory.h"

namespace epigrid::notification {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> Load(Config& config, std::vector<std::string> flags) {
  ConfigSpec spec;
  config.AddTo(spec);
  ConfigSources sources;
  sources.arguments = std::move(flags);
  return spec.Load(sources);
}

TEST(NotificationConfigTest, DefaultsAreThoseOfTheFold) {
  Config config;
  EXPECT_THAT(Load(config, {}), IsEmpty());
  EXPECT_EQ(config.Sending().SerializeAsString(),
            DefaultSendingConfiguration().SerializeAsString());
  EXPECT_TRUE(config.endpoints.empty());
  EXPECT_EQ(config.SenderSettings(8).shard_count, 8u);
  EXPECT_EQ(config.SenderSettings(8).send_timeout, std::chrono::seconds(20));
}

TEST(NotificationConfigTest, RefusesWhatDoesNotFitTogether) {
  auto errors_of = [](std::vector<std::string> flags) {
    Config config;
    return Load(config, std::move(flags));
  };
  EXPECT_THAT(errors_of({"--notification-attempt-timeout=10s"}),
              ElementsAre(HasSubstr("at least three times webhook_timeout")));
  EXPECT_THAT(errors_of({"--notification-backoff-initial=5s", "--notification-backoff-max=1s"}),
              ElementsAre(HasSubstr("backoff_max must be at least")));
  EXPECT_THAT(errors_of({"--notification-expire-after=5m"}), Contains(HasSubstr("expire")));
  EXPECT_THAT(errors_of({"--notification-expire-after=90m"}),
              ElementsAre(HasSubstr("notification.expire_after must be whole hours")));
  EXPECT_THAT(errors_of({"--notification-attempt-timeout=45500ms"}),
              ElementsAre(HasSubstr("notification.attempt_timeout must be whole seconds")));
  EXPECT_THAT(errors_of({"--notification-endpoints=/nowhere",
                         "--notification-identity-certificate=/nowhere"}),
              ElementsAre(HasSubstr("cannot read /nowhere"), HasSubstr("cannot read /nowhere")));
}

TEST(NotificationConfigTest, AsksIdentityOfAnotherMachineInTheClearOnlyWhereToldTo) {
  const std::string elsewhere = "--notification-identity-address=identity.example:50051";
  Config config;
  EXPECT_THAT(Load(config, {elsewhere}), ElementsAre(HasSubstr("would travel in the clear")));
  EXPECT_THAT(Load(config, {elsewhere, "--notification-identity-insecure"}), IsEmpty());
  EXPECT_THAT(Load(config, {"--notification-identity-address=127.0.0.1:50051"}), IsEmpty());
}

TEST(NotificationConfigTest, TellsTheErrorsOfTheEndpointsFile) {
  const TemporaryDirectory directory;
  const std::string path = directory / "endpoints.yaml";
  std::ofstream(path) << "version: 1\nendpoints:\n  - name: a\n    channel: file\n    path: /a\n";
  Config config;
  EXPECT_THAT(Load(config, {"--notification-endpoints=" + path}), IsEmpty());
  EXPECT_EQ(config.endpoints.size(), 1u);
  std::ofstream(path) << "version: 1\nendpoints:\n  - name: A\n    channel: pigeon\n";
  EXPECT_THAT(Load(config, {"--notification-endpoints=" + path}),
              ElementsAre(testing::AllOf(HasSubstr(path + ":3:"), HasSubstr(path + ":4:"))));
}

}  // namespace
}  // namespace epigrid::notification
