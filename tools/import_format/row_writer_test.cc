#include "tools/import_format/row_writer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "tests/fakes/temporary_directory.h"
#include "tools/import_format/row_reader.h"

namespace epigrid {
namespace {

class RowWriterTest : public testing::Test {
 protected:
  const TemporaryDirectory directory_;
};

std::string Contents(const std::filesystem::path& path) {
  std::ostringstream contents;
  contents << std::ifstream(path, std::ios::binary).rdbuf();
  return contents.str();
}

template <typename Row>
void ExpectRoundTrip(const std::filesystem::path& path, const std::vector<Row>& rows) {
  auto writer = RowWriter<Row>::Create(path);
  ASSERT_TRUE(writer.ok()) << writer.status().ToString();
  for (const Row& row : rows) ASSERT_EQ(writer->Write(row), OkStatus());
  EXPECT_FALSE(std::filesystem::exists(path));
  ASSERT_EQ(writer->Finish(), OkStatus());
  EXPECT_EQ(writer->rows(), rows.size());
  auto source = OpenFile(path);
  ASSERT_TRUE(source.ok());
  auto reader = RowReader<Row>::Open(std::move(*source), *DialectOf(path));
  ASSERT_TRUE(reader.ok()) << reader.status().ToString();
  ImportedRow<Row> imported;
  for (const Row& row : rows) {
    ASSERT_TRUE(*reader->Next(imported));
    ASSERT_EQ(imported.problem, OkStatus());
    EXPECT_TRUE(imported.row == row);
  }
  EXPECT_FALSE(*reader->Next(imported));
}

TEST_F(RowWriterTest, WritesWhatReadersRead) {
  PersonRow person{.person = "p1",
                   .document_type = "RESIDENT_ID",
                   .document_number = "11010519491231002X",
                   .document_issuer = "",
                   .name = "王, \"小\"明",
                   .language = "zh",
                   .guardian = "",
                   .household = "h1",
                   .household_from_time = Time::FromSeconds(1667260800),
                   .region_code = "110105001001",
                   .contact_endpoint = "demo",
                   .contact_address = "u\"1\""};
  PersonRow dependant;
  dependant.person = "p2";
  dependant.document_type = "PASSPORT";
  dependant.document_number = "E1";
  dependant.name = "Li";
  dependant.guardian = "p1";
  const std::vector<PersonRow> people{person, dependant};
  const std::vector<SettingRow> settings{{"s1", "CATERING", "3398", 30.123456, -120.1, 45, 80},
                                         {"s2", "LEISURE", "", {}, {}, {}, {}}};
  const std::vector<PresenceRow> presence{
      {"1", 1, "p1", "s1", Time{1'668'126'600'500'000}, Time::FromSeconds(1'668'126'601), "1A"},
      {"2", {}, "p1", "s1", Time::FromSeconds(1), {}, ""}};
  const std::vector<TestRow> tests{{"1", 3, "p1", "x", TestRow::Outcome::kInvalid, "ANTIGEN",
                                    Time::FromSeconds(9), Time::FromSeconds(10), 30, "City CDC"}};
  for (const std::string ending : {".csv", ".tsv"}) {
    ExpectRoundTrip(directory_ / ("people" + ending), people);
    ExpectRoundTrip(directory_ / ("settings" + ending), settings);
    ExpectRoundTrip(directory_ / ("presence" + ending), presence);
    ExpectRoundTrip(directory_ / ("tests" + ending), tests);
  }
}

TEST_F(RowWriterTest, WritesNothingOfARowThatNoReaderWouldTake) {
  auto writer = RowWriter<PresenceRow>::Create(directory_ / "presence.tsv");
  ASSERT_TRUE(writer.ok());
  PresenceRow row{"1", {}, "p", "s", Time::FromSeconds(5), {}, ""};
  row.person = "";
  EXPECT_EQ(writer->Write(row).reason(), "IMPORT_VALUE_MISSING");
  row.person = "a\tb";
  EXPECT_EQ(writer->Write(row).reason(), "IMPORT_VALUE_INVALID");
  row.person = "p";
  row.check_out_time = Time::FromSeconds(4);
  EXPECT_EQ(writer->Write(row).reason(), "IMPORT_ROW_INCONSISTENT");
  row.check_out_time = {};
  EXPECT_EQ(writer->Write(row), OkStatus());
  ASSERT_EQ(writer->Finish(), OkStatus());
  EXPECT_EQ(Contents(directory_ / "presence.tsv"),
            "source_id\trevision\tperson\tsetting\tcheck_in_time\tcheck_out_time\tposition\n"
            "1\t\tp\ts\t1970-01-01T00:00:05Z\t\t\n");
}

TEST_F(RowWriterTest, SaysWhyAFileCannotBeWritten) {
  EXPECT_EQ(RowWriter<TestRow>::Create(directory_ / "tests.txt").status().reason(),
            "FILE_NAME_UNKNOWN");
  EXPECT_EQ(RowWriter<TestRow>::Create(directory_ / "tests.csv.gz").status().reason(),
            "FILE_NAME_UNKNOWN");
  EXPECT_EQ(RowWriter<TestRow>::Create(directory_ / "absent" / "tests.csv").status().reason(),
            "FILE_WRITE_FAILED");
}

}  // namespace
}  // namespace epigrid
