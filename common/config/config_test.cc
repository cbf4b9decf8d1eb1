#include "common/config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/config/command_line.h"

namespace epigrid {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

struct Settings {
  std::string listen = "127.0.0.1:8080";
  std::string role = "all";
  Duration drain = seconds(20);
  uint32_t shards = 64;
  double ratio = 0.5;
  bool insecure = false;
  std::filesystem::path certificate;
  std::filesystem::path key;
  std::vector<std::string> topics;
  Secret password;
};

class ConfigTest : public testing::Test {
 protected:
  ConfigTest() {
    spec_.Add(&settings_.listen, "server.listen", "host:port to serve on").Required();
    spec_.Add(&settings_.role, "server.role", "what runs")
        .OneOf({"api", "projector", "all"})
        .Flag("--role");
    spec_.Add(&settings_.drain, "server.drain_deadline", "how long calls may finish in")
        .Range(milliseconds(1), seconds(600));
    spec_.Add(&settings_.shards, "log.shards", "partitions").Range(1, 1024);
    spec_.Add(&settings_.ratio, "log.ratio", "a share").Range(0, 1);
    spec_.Add(&settings_.insecure, "server.insecure_listen", "no TLS").Flag("--insecure-listen");
    spec_.Add(&settings_.certificate, "server.tls_certificate", "PEM");
    spec_.Add(&settings_.key, "server.tls_key", "PEM");
    spec_.Add(&settings_.topics, "log.topics", "what to read");
    spec_.Add(&settings_.password, "redis.password", "password");
    spec_.AddCheck({"server.tls_certificate", "server.tls_key"}, [this] {
      return settings_.certificate.empty() == settings_.key.empty() ? "" : "set both or neither";
    });
  }

  std::vector<std::string> LoadYaml(std::string text) {
    ConfigSources sources;
    sources.file_name = "epigrid.yaml";
    sources.file_text = std::move(text);
    return spec_.Load(sources);
  }

  Settings settings_;
  ConfigSpec spec_;
};

TEST_F(ConfigTest, EveryTypeIsReadFromTheFile) {
  EXPECT_THAT(LoadYaml(R"(
server:
  listen: 0.0.0.0:9000
  role: api
  drain_deadline: 250ms
  insecure_listen: true
  tls_certificate: /etc/a.pem
  tls_key: /etc/a.key
log: {shards: 8, ratio: 0.25, topics: [a, "b,c"]}
redis: {password: hush}
)"),
              IsEmpty());
  EXPECT_EQ(settings_.listen, "0.0.0.0:9000");
  EXPECT_EQ(settings_.role, "api");
  EXPECT_EQ(settings_.drain, milliseconds(250));
  EXPECT_TRUE(settings_.insecure);
  EXPECT_EQ(settings_.certificate, "/etc/a.pem");
  EXPECT_EQ(settings_.shards, 8u);
  EXPECT_EQ(settings_.ratio, 0.25);
  EXPECT_THAT(settings_.topics, ElementsAre("a", "b,c"));
  EXPECT_EQ(settings_.password.Reveal(), "hush");
}

TEST_F(ConfigTest, FlagsOverrideTheEnvironmentWhichOverridesTheFile) {
  ConfigSources sources;
  sources.file_name = "epigrid.yaml";
  sources.file_text = "server: {listen: 'a:1', drain_deadline: 1s}\nlog: {shards: 2}\n";
  sources.environment = {
      {"EPIGRID_SERVER_LISTEN", "b:2"}, {"EPIGRID_LOG_SHARDS", "3"}, {"HOME", "/root"}};
  sources.arguments = {"--server-listen", "c:3", "--insecure-listen", "--log-topics=x,y"};
  EXPECT_THAT(spec_.Load(sources), IsEmpty());
  EXPECT_EQ(settings_.listen, "c:3");
  EXPECT_EQ(settings_.shards, 3u);
  EXPECT_EQ(settings_.drain, seconds(1));
  EXPECT_TRUE(settings_.insecure);
  EXPECT_THAT(settings_.topics, ElementsAre("x", "y"));
  const std::string printed = spec_.Print();
  EXPECT_THAT(printed, HasSubstr("listen: c:3  # --server-listen"));
  EXPECT_THAT(printed, HasSubstr("shards: 3  # EPIGRID_LOG_SHARDS"));
  EXPECT_THAT(printed, HasSubstr("drain_deadline: 1s  # epigrid.yaml:1"));
  EXPECT_THAT(printed, HasSubstr("ratio: 0.5  # default"));
}

TEST_F(ConfigTest, AllErrorsComeAtOnceWithTheirPlaces) {
  ConfigSources sources;
  sources.file_name = "epigrid.yaml";
  sources.file_text = R"(server:
  listen: ""
  drain_deadline: 5 sec
  role: apy
  lisden: x
  tls_key: /k
log:
  shards: 4096
  topics: {a: b}
)";
  sources.environment = {{"EPIGRID_LOG_RATIO", "2"}, {"EPIGRID_LOG_SHARD", "4"}};
  sources.arguments = {"--server-drain-deadlin=1s", "--log-shards=x", "stray"};
  EXPECT_THAT(
      spec_.Load(sources),
      testing::UnorderedElementsAre(
          HasSubstr("server.listen: is required"),
          AllOf(HasSubstr("epigrid.yaml:3: server.drain_deadline"), HasSubstr("250ms")),
          HasSubstr("epigrid.yaml:4: server.role: \"apy\" is none of api, projector, all"),
          HasSubstr("epigrid.yaml:5: unknown setting server.lisden; did you mean server.listen?"),
          HasSubstr(
              "epigrid.yaml:8: log.shards: 4096 is out of range; expected: integer, 1 to 1024"),
          HasSubstr("epigrid.yaml:9: log.topics takes a value, not a map"),
          HasSubstr("EPIGRID_LOG_RATIO: log.ratio: 2 is out of range"),
          HasSubstr("EPIGRID_LOG_SHARD: unknown variable; did you mean EPIGRID_LOG_SHARDS?"),
          HasSubstr("--server-drain-deadlin: unknown flag; did you mean --server-drain-deadline?"),
          HasSubstr("--log-shards: log.shards: \"x\" is not a whole number"),
          HasSubstr("unexpected argument \"stray\""),
          HasSubstr("server.tls_certificate (default), server.tls_key (epigrid.yaml:6): set both "
                    "or neither")));
}

TEST_F(ConfigTest, AMistakeInTheFileNamesItsLine) {
  EXPECT_THAT(LoadYaml("server:\n  listen: [a\n"), ElementsAre(HasSubstr("epigrid.yaml:3: ")));
  EXPECT_THAT(LoadYaml("- a\n"),
              ElementsAre(HasSubstr("epigrid.yaml:1: a configuration is a map")));
  EXPECT_THAT(LoadYaml("server:\n  role: all\n  role: api\n"),
              ElementsAre(HasSubstr("epigrid.yaml:3: server.role stands here a second time")));
  EXPECT_THAT(LoadYaml("server:\n  role:\n"),
              ElementsAre(HasSubstr("epigrid.yaml:2: server.role has no value")));
  EXPECT_THAT(LoadYaml(""), IsEmpty());
}

TEST_F(ConfigTest, ASecretIsReadFromItsFileAndNeverShown) {
  ConfigSources sources;
  sources.environment = {{"EPIGRID_REDIS_PASSWORD_FILE", "/run/secrets/redis"}};
  sources.read_file = [](const std::filesystem::path& path) -> Result<std::string> {
    return "from " + path.string() + "\n";
  };
  EXPECT_THAT(spec_.Load(sources), IsEmpty());
  EXPECT_EQ(settings_.password.Reveal(), "from /run/secrets/redis");
  EXPECT_THAT(spec_.Print(), AllOf(HasSubstr("<redacted>"), Not(HasSubstr("from /run"))));
}

TEST_F(ConfigTest, ASecretFileThatHoldsNothingIsAMistake) {
  ConfigSources sources;
  sources.environment = {{"EPIGRID_REDIS_PASSWORD_FILE", "/run/secrets/redis"}};
  sources.read_file = [](const std::filesystem::path&) {
    return Result<std::string>(std::string("\n"));
  };
  EXPECT_THAT(spec_.Load(sources),
              ElementsAre(HasSubstr("redis.password_file: /run/secrets/redis holds nothing")));
}

TEST(ReadFileTest, WhatIsNoFileIsNotTakenForAnEmptyOne) {
  const std::filesystem::path directory = std::filesystem::temp_directory_path();
  EXPECT_EQ(ReadFile(directory).status().reason(), "FILE_UNREADABLE");
  EXPECT_EQ(ReadFile(directory / "there" / "is" / "none").status().reason(), "FILE_UNREADABLE");
  EXPECT_EQ(ReadFile("/dev/null").value(), "");
}

TEST_F(ConfigTest, ServiceLinksOfKubernetesAreNoMistakes) {
  ConfigSources sources;
  sources.environment = {{"EPIGRID_IDENTITY_SERVICE_HOST", "10.0.0.1"},
                         {"EPIGRID_IDENTITY_PORT", "tcp://10.0.0.1:8080"},
                         {"EPIGRID_IDENTITY_PORT_8080_TCP_ADDR", "10.0.0.1"}};
  EXPECT_THAT(spec_.Load(sources), IsEmpty());
}

TEST_F(ConfigTest, VariablesOfEpigridctlAreNoMistakes) {
  ConfigSources sources;
  sources.environment = {{"EPIGRID_SERVER", "127.0.0.1:50051"}, {"EPIGRID_TOKEN", "secret"}};
  EXPECT_THAT(spec_.Load(sources), IsEmpty());
}

TEST_F(ConfigTest, WhatIsPrintedCanBeLoadedAgain) {
  EXPECT_THAT(
      LoadYaml("server: {drain_deadline: 90s, listen: '[::1]:80'}\nlog: {topics: [a, 'b: c']}\n"),
      IsEmpty());
  const std::string printed = spec_.Print();
  EXPECT_THAT(LoadYaml(printed), IsEmpty());
  EXPECT_EQ(settings_.drain, seconds(90));
  EXPECT_EQ(settings_.listen, "[::1]:80");
  EXPECT_THAT(settings_.topics, ElementsAre("a", "b: c"));
}

TEST_F(ConfigTest, AFlagWithoutItsValueIsAnError) {
  ConfigSources sources;
  sources.arguments = {"--server-listen"};
  EXPECT_THAT(spec_.Load(sources), ElementsAre(HasSubstr("--server-listen")));
}

TEST_F(ConfigTest, AFlagMayEmptyWhatTheFileSets) {
  ConfigSources sources;
  sources.file_name = "epigrid.yaml";
  sources.file_text = "log: {topics: [a]}\nserver: {tls_certificate: /a}\n";
  sources.arguments = {"--log-topics=", "--server-tls-certificate="};
  EXPECT_THAT(spec_.Load(sources), IsEmpty());
  EXPECT_THAT(settings_.topics, IsEmpty());
  EXPECT_TRUE(settings_.certificate.empty());
}

TEST_F(ConfigTest, HelpNamesEverySettingWithItsThreeNames) {
  EXPECT_THAT(
      spec_.Help("epigrid"),
      AllOf(HasSubstr("--server-drain-deadline"), HasSubstr("EPIGRID_SERVER_DRAIN_DEADLINE"),
            HasSubstr("duration, 1ms to 10m"), HasSubstr("default: \"20s\"")));
}

}  // namespace
}  // namespace epigrid
