#include "common/crypto/master_key.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "tests/fakes/temporary_directory.h"

namespace epigrid {
namespace {

class MasterKeyTest : public testing::Test {
 protected:
  std::string Text() const {
    std::ifstream stream(file_);
    std::stringstream text;
    text << stream.rdbuf();
    return text.str();
  }
  void Write(const std::string& text) const { std::ofstream(file_) << text; }
  MasterKeys Load() const {
    Result<MasterKeys> keys = MasterKeys::Load(file_);
    EPIGRID_CHECK(keys.ok(), keys.status().ToString());
    return *keys;
  }

  const TemporaryDirectory directory_;
  const std::filesystem::path file_ = directory_ / "master.key";
  OpenSslRandom random_;
};

TEST_F(MasterKeyTest, AGeneratedFileWrapsAndUnwraps) {
  ASSERT_TRUE(GenerateMasterKeyFile(file_, random_).ok());
  const MasterKeys keys = Load();
  const SecretKey key = SecretKey::Random(random_);
  const std::string wrapped = keys.Wrap(key, "person_a", random_);
  Result<SecretKey> unwrapped = Load().Unwrap(wrapped, "person_a");
  ASSERT_TRUE(unwrapped.ok()) << unwrapped.status().ToString();
  EXPECT_EQ(*unwrapped, key);
  EXPECT_EQ(keys.Unwrap(wrapped, "person_b").status().reason(), "SEALED_BOX_TAMPERED");
  EXPECT_EQ(keys.Unwrap("", "person_a").status().reason(), "MASTER_KEY_UNKNOWN");
  EXPECT_EQ(keys.Unwrap(wrapped.substr(0, 20), "person_a").status().reason(),
            "SEALED_BOX_MALFORMED");
}

TEST_F(MasterKeyTest, AFileIsNeverOverwritten) {
  ASSERT_TRUE(GenerateMasterKeyFile(file_, random_).ok());
  const std::string before = Text();
  EXPECT_EQ(GenerateMasterKeyFile(file_, random_).reason(), "MASTER_KEY_FILE_EXISTS");
  EXPECT_EQ(Text(), before);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_.path()), {}), 1);
}

TEST_F(MasterKeyTest, RotationWrapsWithTheNewestAndUnwrapsOlder) {
  ASSERT_TRUE(GenerateMasterKeyFile(file_, random_).ok());
  const MasterKeys older = Load();
  const SecretKey key = SecretKey::Random(random_);
  const std::string wrapped = older.Wrap(key, "person_a", random_);
  ASSERT_TRUE(RotateMasterKeyFile(file_, random_).ok());
  const MasterKeys newer = Load();
  EXPECT_EQ(*newer.Unwrap(wrapped, "person_a"), key);
  EXPECT_TRUE(newer.IsOutdated(wrapped));
  const std::string again = newer.Wrap(key, "person_a", random_);
  EXPECT_FALSE(newer.IsOutdated(again));
  EXPECT_EQ(*newer.Unwrap(again, "person_a"), key);
  EXPECT_EQ(older.Unwrap(again, "person_a").status().reason(), "MASTER_KEY_UNKNOWN");
}

TEST_F(MasterKeyTest, RotationKeepsDerivedKeys) {
  ASSERT_TRUE(GenerateMasterKeyFile(file_, random_).ok());
  const SecretKey before = Load().Derive("document hash");
  ASSERT_TRUE(RotateMasterKeyFile(file_, random_).ok());
  EXPECT_EQ(Load().Derive("document hash"), before);
}

TEST_F(MasterKeyTest, RefusesAFileThatOthersCanRead) {
  ASSERT_TRUE(GenerateMasterKeyFile(file_, random_).ok());
  for (mode_t mode : {0604, 0602, 0620, 0666}) {
    ASSERT_EQ(::chmod(file_.c_str(), mode), 0);
    EXPECT_EQ(MasterKeys::Load(file_).status().reason(), "MASTER_KEY_FILE_EXPOSED") << mode;
  }
  ASSERT_EQ(::chmod(file_.c_str(), 0440), 0);  // as Kubernetes mounts a secret for a group
  EXPECT_TRUE(MasterKeys::Load(file_).ok());
}

TEST_F(MasterKeyTest, RefusesWhatIsNoKeyFile) {
  EXPECT_EQ(MasterKeys::Load(file_).status().reason(), "MASTER_KEY_FILE_UNREADABLE");
  EXPECT_EQ(MasterKeys::Load(directory_.path()).status().reason(), "MASTER_KEY_FILE_UNREADABLE");
  EXPECT_EQ(GenerateMasterKeyFile(directory_ / "none" / "master.key", random_).reason(),
            "MASTER_KEY_FILE_UNWRITABLE");
  EXPECT_EQ(RotateMasterKeyFile(file_, random_).reason(), "MASTER_KEY_FILE_UNREADABLE");
}

TEST_F(MasterKeyTest, NamesTheLineThatIsWrong) {
  ASSERT_TRUE(GenerateMasterKeyFile(file_, random_).ok());
  const std::string good = Text();
  const auto expect_refused = [&](const std::string& text, const std::string& part) {
    Result<MasterKeys> keys = MasterKeys::Parse(text);
    ASSERT_FALSE(keys.ok()) << part;
    EXPECT_EQ(keys.status().reason(), "MASTER_KEY_FILE_MALFORMED");
    EXPECT_NE(keys.status().message().find(part), std::string::npos) << keys.status().message();
  };
  const size_t root = good.find("root ");
  const size_t key = good.find("key ", root);
  expect_refused("", "without a root");
  expect_refused(good.substr(0, key), "without a key");
  expect_refused(good.substr(0, good.size() - 3), "64 hexadecimal digits");
  expect_refused(good + good.substr(key), "stands above already");
  expect_refused(good + good.substr(root, key - root), "a root already");
  expect_refused(good + "secret 1 2\n", "must be 'root' or 'key'");
  std::string mistyped = good;
  char& digit = mistyped[mistyped.size() - 2];
  digit = digit == '0' ? '1' : '0';
  expect_refused(mistyped, "line 4");
}

}  // namespace
}  // namespace epigrid
