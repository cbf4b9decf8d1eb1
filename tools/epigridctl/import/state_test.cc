#include "tools/epigridctl/import/state.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/fakes/temporary_directory.h"

namespace epigrid::ctl {
namespace {

class ImportStateTest : public testing::Test {
 protected:
  const TemporaryDirectory directory_;
};

TEST_F(ImportStateTest, WhatWasSavedIsLoaded) {
  const ImportState state = ImportState::Open(directory_.path(), "a").value();
  EXPECT_EQ(state.Load("import_1")->position, TablePosition{});
  const FileProgress progress{.run = 2,
                              .position = {.byte = 1000, .line = 17},
                              .rows = 16,
                              .rejected = 3,
                              .reject_file_bytes = 99,
                              .done = true};
  ASSERT_TRUE(state.Save("import_1", progress).ok());
  const FileProgress loaded = state.Load("import_1").value();
  EXPECT_EQ(loaded.run, 2U);
  EXPECT_EQ(loaded.position, progress.position);
  EXPECT_EQ(loaded.rows, 16U);
  EXPECT_EQ(loaded.rejected, 3U);
  EXPECT_EQ(loaded.reject_file_bytes, 99U);
  EXPECT_TRUE(loaded.done);
  EXPECT_FALSE(state.Load("import_2")->done);
}

TEST_F(ImportStateTest, ADamagedPlaceIsNoPlace) {
  const ImportState state = ImportState::Open(directory_.path(), "a").value();
  for (const char* damaged : {"", "{", "[]", "{}", R"({"done": true, "run": -1})"}) {
    std::ofstream(directory_ / "a" / "files" / "import_1.json") << damaged;
    EXPECT_EQ(state.Load("import_1").status().reason(), "STATE_DAMAGED") << damaged;
  }
}

TEST_F(ImportStateTest, OneImportAtATimeUsesIt) {
  const ImportState state = ImportState::Open(directory_.path(), "a").value();
  EXPECT_EQ(ImportState::Open(directory_.path(), "a").status().reason(), "STATE_IN_USE");
  EXPECT_TRUE(ImportState::Open(directory_.path(), "b").ok());
}

TEST_F(ImportStateTest, AFileIsKnownByItsContentNotByItsName) {
  const auto one = directory_ / "one.csv";
  std::ofstream(one) << "source_id\n1\n";
  const std::string id = IdentifyFile(one).value();
  const auto two = directory_ / "two.csv";
  std::filesystem::rename(one, two);
  EXPECT_EQ(IdentifyFile(two).value(), id);
  std::ofstream(two) << "source_id\n2\n";
  EXPECT_NE(IdentifyFile(two).value(), id);
  EXPECT_EQ(IdentifyFile(one).status().reason(), "FILE_NOT_READABLE");
}

}  // namespace
}  // namespace epigrid::ctl
