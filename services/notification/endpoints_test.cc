#include "services/notification/endpoints.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace epigrid::notification {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

const char kSecret[] = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

ParsedEndpoints Parse(const std::string& text) {
  const EndpointSecrets secrets{
      .read_file = [](const std::filesystem::path& path) -> Result<std::string> {
        if (path == "/run/secrets/sms" || path == "/run/secrets/sms-gateway") {
          return std::string(kSecret) + "\n";
        }
        return NotFound("FILE_UNREADABLE", "the file cannot be read");
      },
      .environment = [](const std::string& name) -> std::optional<std::string> {
        if (name == "SMS_SECRET") return kSecret;
        return std::nullopt;
      }};
  return ParseEndpoints("endpoints.yaml", text, secrets);
}

// A file with one endpoint of these lines.
ParsedEndpoints ParseOne(const std::string& lines) {
  return Parse("version: 1\nendpoints:\n  - name: sms\n" + lines);
}

TEST(EndpointsTest, ReadsWebhooksAndFiles) {
  const ParsedEndpoints parsed = Parse(R"(
version: 1
endpoints:
  - name: sms-gateway
    channel: webhook
    url: https://sms.city.example/messages
    secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
  - name: archive
    channel: file
    path: /var/lib/epigrid/messages.jsonl
)");
  ASSERT_THAT(parsed.errors, IsEmpty());
  ASSERT_EQ(parsed.endpoints.size(), 2u);
  EXPECT_EQ(parsed.endpoints[0].name, "sms-gateway");
  EXPECT_TRUE(parsed.endpoints[0].is_webhook());
  EXPECT_EQ(parsed.endpoints[0].url, "https://sms.city.example/messages");
  EXPECT_FALSE(parsed.endpoints[1].is_webhook());
  EXPECT_EQ(parsed.endpoints[1].path, "/var/lib/epigrid/messages.jsonl");
}

TEST(EndpointsTest, ReadsTheExampleOfTheReadme) {
  std::ifstream stream(EPIGRID_README);
  const std::string readme{std::istreambuf_iterator<char>(stream), {}};
  const std::string fence = "```yaml\n";
  const size_t begin = readme.find(fence);
  ASSERT_NE(begin, std::string::npos);
  const size_t text = begin + fence.size();
  const ParsedEndpoints parsed = Parse(readme.substr(text, readme.find("```", text) - text));
  EXPECT_THAT(parsed.errors, IsEmpty());
  ASSERT_EQ(parsed.endpoints.size(), 2u);
  EXPECT_EQ(parsed.endpoints[0].name, "sms-gateway");
  EXPECT_TRUE(parsed.endpoints[0].is_webhook());
  EXPECT_FALSE(parsed.endpoints[1].is_webhook());
}

TEST(EndpointsTest, TakesSecretsFromFilesAndVariables) {
  const std::string webhook = "    channel: webhook\n    url: https://a.example/\n";
  const WebhookSecret expected = *WebhookSecret::Parse(kSecret);
  for (const char* from : {"    secret_file: /run/secrets/sms\n", "    secret_env: SMS_SECRET\n"}) {
    const ParsedEndpoints parsed = ParseOne(webhook + from);
    ASSERT_THAT(parsed.errors, IsEmpty());
    EXPECT_EQ(parsed.endpoints[0].secret->Sign("id", Time{}, "body"),
              expected.Sign("id", Time{}, "body"));
  }
  EXPECT_THAT(ParseOne(webhook + "    secret_file: /nowhere\n").errors,
              ElementsAre("endpoints.yaml:6: the file cannot be read"));
  EXPECT_THAT(ParseOne(webhook + "    secret_env: NONE\n").errors,
              ElementsAre("endpoints.yaml:6: there is no such environment variable"));
  EXPECT_THAT(ParseOne(webhook).errors, ElementsAre(HasSubstr("give one of secret")));
}

TEST(EndpointsTest, NeverShowsASecret) {
  const ParsedEndpoints parsed = ParseOne(
      "    channel: webhook\n    url: https://a.example/\n    secret: "
      "MfKQ9r8GKYqrTwjUPD8ILPZIo2L\n");
  ASSERT_EQ(parsed.errors.size(), 1u);
  EXPECT_THAT(parsed.errors[0], HasSubstr("endpoints.yaml:6: a webhook secret is"));
  EXPECT_THAT(parsed.errors[0], Not(HasSubstr("MfKQ")));
}

TEST(EndpointsTest, AllowsPlainHttpToThisMachineOnly) {
  auto errors_of = [](const std::string& url, const std::string& more = "") {
    return ParseOne("    channel: webhook\n    secret_env: SMS_SECRET\n    url: " + url + "\n" +
                    more)
        .errors;
  };
  for (const char* url : {"http://127.0.0.1:8080/x", "http://localhost/x", "http://[::1]:80/x",
                          "https://a.example/x?y=z"}) {
    EXPECT_THAT(errors_of(url), IsEmpty()) << url;
  }
  EXPECT_THAT(errors_of("http://sms.city.example/"), ElementsAre(HasSubstr("allow_plain_http")));
  EXPECT_THAT(errors_of("http://127.0.0.1.evil.example/"), ElementsAre(HasSubstr("plain http")));
  EXPECT_THAT(errors_of("http://sms.city.example/", "    allow_plain_http: true\n"), IsEmpty());
  EXPECT_THAT(errors_of("http://sms.city.example/", "    allow_plain_http: maybe\n"),
              Contains(HasSubstr("must be true or false")));
}

TEST(EndpointsTest, RefusesUrlsThatAreNone) {
  for (const char* url : {"ftp://a.example/", "a.example", "https://", "file:///etc/passwd",
                          "https://user:password@a.example/", "https://a.example/#part",
                          "\"https://a b/\"", "\"\""}) {
    EXPECT_THAT(
        ParseOne(std::string("    channel: webhook\n    secret_env: SMS_SECRET\n    url: ") + url +
                 "\n")
            .errors,
        ElementsAre(StartsWith("endpoints.yaml:6: ")))
        << url;
  }
}

TEST(EndpointsTest, TellsAllErrorsAtOnceWithTheirLines) {
  const ParsedEndpoints parsed = Parse(R"(version: 2
endpoints:
  - name: SMS
    channel: webhook
    url: ftp://a.example/
    secret: x
  - name: archive
    channel: pigeon
  - name: file
    channel: file
    url: https://a.example/
    path: relative
    colour: blue
  - name: file
    channel: file
  - text
other: 1
)");
  EXPECT_TRUE(parsed.endpoints.empty());
  EXPECT_THAT(parsed.errors,
              ElementsAre("endpoints.yaml:1: version must be 1",
                          "endpoints.yaml:3: name must be 1 to 63 characters of a-z, 0-9 and -",
                          "endpoints.yaml:5: url must begin with https:// or http://",
                          StartsWith("endpoints.yaml:6: a webhook secret is"),
                          "endpoints.yaml:8: channel must be webhook or file",
                          StartsWith("endpoints.yaml:13: unknown key \"colour\""),
                          "endpoints.yaml:11: a file endpoint has no url",
                          "endpoints.yaml:12: path must be absolute",
                          "endpoints.yaml:14: another endpoint has the name file",
                          "endpoints.yaml:14: path is missing",
                          StartsWith("endpoints.yaml:16: an endpoint is a map"),
                          StartsWith("endpoints.yaml:17: unknown key \"other\"")));
}

TEST(EndpointsTest, RefusesWhatIsNoSuchFile) {
  for (const char* text :
       {"", "text", "[1, 2]", "version: 1", "endpoints: []", "version: [1]\n",
        "version: 1\nendpoints: none", "{", "version: 1\nversion: 1\nendpoints: []"}) {
    EXPECT_THAT(Parse(text).errors, Not(IsEmpty())) << text;
  }
  EXPECT_THAT(Parse("version: 1\nendpoints: []").errors, IsEmpty());
}

}  // namespace
}  // namespace epigrid::notification
