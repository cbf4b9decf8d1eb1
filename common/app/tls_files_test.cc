#include "common/app/tls_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "common/app/testing/test_authority.h"
#include "common/log/log.h"

namespace epigrid {
namespace {

using testing::HasSubstr;
using testing::Not;

class TlsFilesTest : public testing::Test {
 protected:
  TlsFilesTest() {
    authority_.Issue("server", "localhost", directory_ / "");
    authority_.Issue("other", "localhost", directory_ / "");
    std::filesystem::copy_file(authority_.certificate(), directory_ / "ca.pem");
  }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name) << text;
  }

  const TestAuthority authority_{"city"};
  const TemporaryDirectory directory_;
  const TlsPaths paths_{.certificate = directory_ / "server.pem",
                        .key = directory_ / "server.key",
                        .ca = directory_ / "ca.pem"};
};

TEST_F(TlsFilesTest, ReadsWhatBelongsTogether) {
  const Time now = SystemClock().Now();
  const Result<TlsMaterial> material = TlsMaterial::Read(paths_, now);
  ASSERT_TRUE(material.ok()) << material.status().ToString();
  EXPECT_EQ(material->key, ReadText(paths_.key));
  EXPECT_GT(material->expires, now + std::chrono::hours(47));
  EXPECT_LT(material->expires, now + std::chrono::hours(49));
  EXPECT_EQ(TlsMaterial::Read(paths_, now + std::chrono::hours(49)).status().reason(),
            "TLS_FILE_INVALID");
  EXPECT_EQ(TlsMaterial::Read(paths_, now - std::chrono::hours(1)).status().reason(),
            "TLS_FILE_INVALID");
  EXPECT_TRUE(TlsMaterial::Read({.certificate = {}, .key = {}, .ca = paths_.ca}, now).ok());
}

TEST_F(TlsFilesTest, SaysWhichFileIsWrong) {
  const auto error = [&] { return TlsFiles(paths_).Load(); };
  const std::string ca = ReadText(paths_.ca);
  Write("ca.pem", ca + ca);
  EXPECT_TRUE(error().ok());
  Write("ca.pem", ca + ca.substr(0, ca.size() / 2));  // not all of the second has been written
  EXPECT_EQ(error().reason(), "TLS_FILE_INVALID");
  Write("ca.pem", "no certificate");
  EXPECT_THAT(error().message(), HasSubstr("ca.pem"));
  Write("server.key", ReadText(directory_ / "other.key"));
  EXPECT_THAT(error().message(), HasSubstr("the key of another certificate"));
  Write("server.key", "rubbish");
  EXPECT_THAT(error().message(), HasSubstr("no PEM private key"));
  const std::string encrypt = "openssl ec -aes256 -passout pass:sesame -in " +
                              (directory_ / "other.key").string() + " -out " + paths_.key.string() +
                              " 2>/dev/null";
  ASSERT_EQ(std::system(encrypt.c_str()), 0);
  EXPECT_THAT(error().message(), HasSubstr("no PEM private key without a passphrase"));
  std::filesystem::remove(paths_.certificate);
  EXPECT_EQ(error().reason(), "TLS_FILE_UNREADABLE");
}

TEST_F(TlsFilesTest, TakesOverWhatIsReplacedAsAWhole) {
  TlsFiles files(paths_);
  ASSERT_TRUE(files.Load().ok());
  const auto before = files.Get();
  EXPECT_FALSE(files.Look());
  LogCapture log;
  Write("server.pem", ReadText(directory_ / "other.pem"));  // and its key is not there yet
  EXPECT_FALSE(files.Look());
  EXPECT_EQ(files.Get(), before);
  Write("server.key", ReadText(directory_ / "other.key"));
  EXPECT_TRUE(files.Look());
  EXPECT_EQ(files.Get()->key, ReadText(directory_ / "other.key"));
  EXPECT_FALSE(files.Look());
  EXPECT_THAT(log.text(), HasSubstr("tls.reloaded"));
  EXPECT_THAT(log.text(), Not(HasSubstr("tls.unchanged")));
}

TEST_F(TlsFilesTest, AFaultThatLastsIsToldOnce) {
  TlsFiles files(paths_);
  ASSERT_TRUE(files.Load().ok());
  LogCapture log;
  Write("server.pem", "rubbish");
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(files.Look());
  const std::string text = log.text();
  const size_t at = text.find("tls.unchanged");
  ASSERT_NE(at, std::string::npos);
  EXPECT_EQ(text.find("tls.unchanged", at + 1), std::string::npos);
  EXPECT_THAT(text, Not(HasSubstr("PRIVATE KEY")));
}

}  // namespace
}  // namespace epigrid
