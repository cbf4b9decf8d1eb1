#include "tools/citysim/write_checkins.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <set>

#include "common/base/local_day.h"
#include "tests/fakes/temporary_directory.h"
#include "tools/citysim/checkins.h"
#include "tools/import_format/row_reader.h"

namespace epigrid::citysim {
namespace {

class WriteCheckInsTest : public testing::Test {
 protected:
  std::filesystem::path Input(std::string_view text) {
    std::ofstream(directory_ / "in.tsv") << text;
    return directory_ / "in.tsv";
  }

  template <typename Row>
  std::vector<Row> Rows(const char* name) {
    auto reader =
        RowReader<Row>::Open(OpenFile(directory_ / name).value(), DialectOf(name).value()).value();
    std::vector<Row> rows;
    for (ImportedRow<Row> imported; reader.Next(imported).value();) {
      EXPECT_TRUE(imported.problem.ok()) << imported.problem.ToString();
      rows.push_back(imported.row);
    }
    return rows;
  }

  const TemporaryDirectory directory_;
  const Time anchor_ = ParseRfc3339("2022-11-11T07:00:00Z").value();
};

TEST_F(WriteCheckInsTest, KeepsEveryRowWithinTheWindow) {
  const auto path = Input(
      "7\t2010-10-12T00:21:28Z\t40.64\t-73.78\t1\n"
      "8\t2010-10-12T00:30:00Z\t40.64\t-73.78\t1\n"
      "7\t2010-10-12T00:21:28Z\t40.64\t-73.78\t1\n"
      "rubbish\n"
      "9\t2010-01-01T12:00:00Z\t40.65\t-73.79\t2\n");
  Result<CheckInCity> city =
      WriteCheckIns(path, anchor_, {.directory = directory_.path(), .on_progress = {}});
  ASSERT_TRUE(city.ok()) << city.status().ToString();
  EXPECT_EQ(city->check_ins, 4u);
  EXPECT_EQ(city->people, 3u);
  EXPECT_EQ(city->places, 2u);
  EXPECT_EQ(city->refused, 1u);

  std::set<std::string> source_ids;
  for (const PresenceRow& row : Rows<PresenceRow>("presence.tsv")) {
    EXPECT_TRUE(source_ids.insert(row.source_id).second) << "a line is one presence";
    EXPECT_GE(row.check_in_time, anchor_ - std::chrono::hours(24 * 14));
    EXPECT_LT(row.check_in_time, anchor_);
  }
  EXPECT_EQ(source_ids.size(), 4u);
  std::set<std::string> documents;
  for (const PersonRow& row : Rows<PersonRow>("people.csv")) documents.insert(row.document_number);
  EXPECT_EQ(documents.size(), 3u);
  const std::vector<TestRow> index = Rows<TestRow>("index_test.csv");
  ASSERT_EQ(index.size(), 1u);
  EXPECT_EQ(index[0].person, city->index_person);
}

TEST_F(WriteCheckInsTest, AFileWithoutAGoodRowWritesNothing) {
  EXPECT_EQ(WriteCheckIns(Input("rubbish\n"), anchor_,
                          {.directory = directory_ / "out", .on_progress = {}})
                .status()
                .reason(),
            "CHECKINS_EMPTY");
  EXPECT_FALSE(std::filesystem::exists(directory_ / "out"));
}

}  // namespace
}  // namespace epigrid::citysim
