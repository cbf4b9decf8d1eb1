#include "tools/epigridctl/import/key_map.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "tests/fakes/temporary_directory.h"

namespace epigrid::ctl {
namespace {

class KeyMapTest : public testing::Test {
 protected:
  std::unique_ptr<KeyMap> Open() { return KeyMap::Open(path_).value(); }
  std::string Content() const {
    std::ifstream stream(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  void SetContent(const std::string& content) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << content;
  }

  const TemporaryDirectory directory_;
  const std::filesystem::path path_ = directory_ / "keys";
};

TEST_F(KeyMapTest, KeysAreThereAfterARestart) {
  {
    const auto keys = Open();
    EXPECT_TRUE(keys->Add("anna of block 3", "person_1").ok());
    EXPECT_TRUE(keys->Add("\xE5\xBC\xA0", "person_2").ok());
    EXPECT_TRUE(keys->Sync().ok());
  }
  const auto keys = Open();
  EXPECT_EQ(keys->Find("anna of block 3"), "person_1");
  EXPECT_EQ(keys->Find("\xE5\xBC\xA0"), "person_2");
  EXPECT_EQ(keys->Find("anna"), std::nullopt);
  EXPECT_EQ(keys->size(), 2U);
  EXPECT_EQ(keys->last_id(), "person_2");
}

TEST_F(KeyMapTest, AKeyStandsForOnePerson) {
  const auto keys = Open();
  EXPECT_TRUE(keys->Add("anna", "person_1").ok());
  EXPECT_TRUE(keys->Add("anna", "person_1").ok());
  EXPECT_EQ(keys->Add("anna", "person_2").reason(), "PERSON_KEY_TAKEN");
  EXPECT_EQ(keys->Find("anna"), "person_1");
}

TEST_F(KeyMapTest, ALineThatACrashCutShortIsDropped) {
  {
    const auto keys = Open();
    EXPECT_TRUE(keys->Add("anna", "person_1").ok());
    EXPECT_TRUE(keys->Add("bela", "person_2").ok());
    EXPECT_TRUE(keys->Sync().ok());
  }
  const std::string whole = Content();
  for (size_t size = whole.find('\n') + 1; size < whole.size(); ++size) {
    SetContent(whole.substr(0, size));
    const auto keys = Open();
    EXPECT_EQ(keys->size(), 1U) << size;
    EXPECT_TRUE(keys->Add("bela", "person_2").ok());
    EXPECT_TRUE(keys->Sync().ok());
    EXPECT_EQ(Content(), whole) << size;
  }
  SetContent(whole + std::string(100, '\0'));
  EXPECT_EQ(Open()->size(), 2U);
}

TEST_F(KeyMapTest, DamageBeforeTheEndIsAnError) {
  {
    const auto keys = Open();
    EXPECT_TRUE(keys->Add("anna", "person_1").ok());
    EXPECT_TRUE(keys->Add("bela", "person_2").ok());
    EXPECT_TRUE(keys->Sync().ok());
  }
  std::string content = Content();
  content[12] = '#';
  SetContent(content);
  const auto opened = KeyMap::Open(path_);
  EXPECT_EQ(opened.status().reason(), "KEYS_DAMAGED");
}

TEST_F(KeyMapTest, OnlyTheOwnerMayReadIt) {
  Open();
  struct stat info = {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

}  // namespace
}  // namespace epigrid::ctl
