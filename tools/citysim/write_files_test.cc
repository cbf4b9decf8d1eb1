#include "tools/citysim/write_files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "tests/fakes/temporary_directory.h"
#include "tools/import_format/row_reader.h"

namespace epigrid::citysim {
namespace {

constexpr Time kEnd = Time::FromSeconds(1'668'150'000);  // 11 November 2022, 15:00 in Shanghai

class WriteFilesTest : public testing::Test {
 protected:
  std::string Contents(const std::string& name) const {
    std::ostringstream contents;
    contents << std::ifstream(directory_ / name, std::ios::binary).rdbuf();
    return contents.str();
  }
  // All rows; each must be good.
  template <typename Row>
  std::vector<Row> Rows(const std::string& name) const {
    const auto path = directory_ / name;
    auto reader = RowReader<Row>::Open(OpenFile(path).value(), DialectOf(path).value());
    EXPECT_TRUE(reader.ok()) << reader.status().ToString();
    std::vector<Row> rows;
    ImportedRow<Row> row;
    while (reader.ok() && *reader->Next(row)) {
      EXPECT_EQ(row.problem, OkStatus()) << name << " line " << row.begin.line;
      rows.push_back(row.row);
    }
    return rows;
  }

  const TemporaryDirectory directory_;
  const City city_ = City::Create({.seed = 3, .people = 1'000, .end = kEnd}).value();
  const Epidemic epidemic_ = Epidemic::Run(city_, {});
};

TEST_F(WriteFilesTest, WritesACityThatHangsTogether) {
  ASSERT_EQ(WriteFiles(city_, epidemic_, {.directory = directory_.path(), .on_progress = {}}),
            OkStatus());
  std::set<std::string> people;
  for (const PersonRow& row : Rows<PersonRow>("people.csv")) {
    EXPECT_TRUE(row.guardian.empty() || people.contains(row.guardian)) << "guardians come first";
    EXPECT_EQ(row.guardian.empty(), !row.contact_address.empty());
    EXPECT_FALSE(row.household.empty());
    EXPECT_TRUE(people.insert(row.person).second);
  }
  EXPECT_EQ(people.size(), 1'000U);

  std::set<std::string> settings;
  for (const SettingRow& row : Rows<SettingRow>("settings.csv")) settings.insert(row.setting);
  EXPECT_EQ(settings.size(), city_.places().size());

  std::map<std::string, Time> isolated;
  size_t positives = 0;
  bool index_found = false;
  for (const TestRow& row : Rows<TestRow>("tests.csv")) {
    EXPECT_TRUE(people.contains(row.person));
    if (row.outcome != TestRow::Outcome::kPositive) continue;
    ++positives;
    isolated[row.person] = row.reported_time;
    index_found |= row.person == city_.PersonIdOf(epidemic_.index_case().person);
  }
  EXPECT_TRUE(index_found);
  EXPECT_EQ(isolated.size(), positives);

  std::set<std::string> source_ids;
  Time last;
  for (const PresenceRow& row : Rows<PresenceRow>("presence.tsv")) {
    EXPECT_TRUE(people.contains(row.person));
    EXPECT_TRUE(settings.contains(row.setting));
    EXPECT_TRUE(source_ids.insert(row.source_id).second);
    EXPECT_GE(row.check_in_time, last);
    last = row.check_in_time;
    if (isolated.contains(row.person)) {
      EXPECT_LT(row.check_in_time, isolated[row.person]);
    }
  }
  EXPECT_GT(source_ids.size(), 40'000U);
}

TEST_F(WriteFilesTest, WritesTheSameBytesForTheSameSeed) {
  ASSERT_EQ(WriteFiles(city_, epidemic_, {.directory = directory_.path(), .on_progress = {}}),
            OkStatus());
  std::map<std::string, std::string> first;
  for (const char* name : {"people.csv", "settings.csv", "presence.tsv", "tests.csv"}) {
    first[name] = Contents(name);
    EXPECT_FALSE(first[name].empty());
  }
  const City again = City::Create({.seed = 3, .people = 1'000, .end = kEnd}).value();
  ASSERT_EQ(WriteFiles(again, Epidemic::Run(again, {}),
                       {.directory = directory_.path(), .on_progress = {}}),
            OkStatus());
  for (const auto& [name, contents] : first) EXPECT_TRUE(Contents(name) == contents) << name;
}

TEST_F(WriteFilesTest, LeavesOutTheIndexTestIfAsked) {
  ASSERT_EQ(
      WriteFiles(city_, epidemic_,
                 {.directory = directory_.path(), .leave_out_index_test = true, .on_progress = {}}),
      OkStatus());
  const std::string index = city_.PersonIdOf(epidemic_.index_case().person);
  for (const TestRow& row : Rows<TestRow>("tests.csv")) {
    EXPECT_FALSE(row.person == index && row.outcome == TestRow::Outcome::kPositive);
  }
  const std::vector<TestRow> left_out = Rows<TestRow>("index_test.csv");
  ASSERT_EQ(left_out.size(), 1u);
  EXPECT_EQ(left_out[0].person, index);
}

TEST_F(WriteFilesTest, SaysWhyNothingIsWritten) {
  std::ofstream(directory_ / "file") << "a file";
  EXPECT_EQ(
      WriteFiles(city_, epidemic_, {.directory = directory_ / "file", .on_progress = {}}).reason(),
      "FILE_WRITE_FAILED");
}

}  // namespace
}  // namespace epigrid::citysim
