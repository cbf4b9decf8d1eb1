#include "tools/import_format/row_reader.h"

#include <gtest/gtest.h>

#include <map>

#include "common/base/ids.h"

namespace epigrid {
namespace {

template <typename Row>
std::vector<ImportedRow<Row>> ReadAll(std::string_view content, Dialect dialect = Dialect::kCsv) {
  auto reader = RowReader<Row>::Open(OpenMemory(content), dialect);
  EXPECT_TRUE(reader.ok()) << reader.status().ToString();
  std::vector<ImportedRow<Row>> rows;
  ImportedRow<Row> row;
  while (reader.ok()) {
    Result<bool> more = reader->Next(row);
    EXPECT_TRUE(more.ok());
    if (!more.ok() || !*more) break;
    rows.push_back(row);
  }
  return rows;
}

template <typename Row>
std::string HeaderProblem(std::string_view header) {
  return RowReader<Row>::Open(OpenMemory(header), Dialect::kCsv).status().reason();
}

TEST(RowReader, ReadsPeople) {
  const auto rows = ReadAll<PersonRow>(
      "name,person,document_type,document_number,document_issuer,language,guardian,household,"
      "household_from_time,region_code,contact_endpoint,contact_address\n"
      "王小明,p1,RESIDENT_ID,11010519491231002X,,zh,,h1,2022-11-01T00:00:00Z,110105001001,demo,u-"
      "1\n"
      "Li,p2,PASSPORT,E123,CHN,,p1,h1,,,,\n");
  ASSERT_EQ(rows.size(), 2U);
  ASSERT_EQ(rows[0].problem, OkStatus());
  EXPECT_TRUE(rows[0].row == (PersonRow{.person = "p1",
                                        .document_type = "RESIDENT_ID",
                                        .document_number = "11010519491231002X",
                                        .document_issuer = "",
                                        .name = "王小明",
                                        .language = "zh",
                                        .guardian = "",
                                        .household = "h1",
                                        .household_from_time = Time::FromSeconds(1667260800),
                                        .region_code = "110105001001",
                                        .contact_endpoint = "demo",
                                        .contact_address = "u-1"}));
  ASSERT_EQ(rows[1].problem, OkStatus());
  EXPECT_EQ(rows[1].row.guardian, "p1");
  EXPECT_EQ(rows[1].row.document_issuer, "CHN");
  EXPECT_FALSE(rows[1].row.household_from_time.is_set());
}

TEST(RowReader, ReadsSettings) {
  const auto rows = ReadAll<SettingRow>(
      "setting\tcategory\tregion_code\tlatitude\tlongitude\tusual_stay_minutes\tcapacity\n"
      "Noodles, \"Li\"\tCATERING\t3398\t30.25\t-120.5\t45\t80\n"
      "s2\tLEISURE\t\t\t\t\t\n",
      Dialect::kTsv);
  ASSERT_EQ(rows.size(), 2U);
  ASSERT_EQ(rows[0].problem, OkStatus());
  EXPECT_TRUE(rows[0].row ==
              (SettingRow{"Noodles, \"Li\"", "CATERING", "3398", 30.25, -120.5, 45, 80}));
  EXPECT_TRUE(rows[1].row == (SettingRow{"s2", "LEISURE", "", {}, {}, {}, {}}));
}

TEST(RowReader, ReadsPresenceAndTests) {
  const auto presence = ReadAll<PresenceRow>(
      "source_id,revision,person,setting,check_in_time,check_out_time,position\n"
      "1,2,p1,s1,2022-11-11T08:30:00+08:00,,12A\n");
  ASSERT_EQ(presence.size(), 1U);
  ASSERT_EQ(presence[0].problem, OkStatus());
  EXPECT_TRUE(presence[0].row ==
              (PresenceRow{"1", 2, "p1", "s1", Time::FromSeconds(1668126600), Time{}, "12A"}));
  const auto tests = ReadAll<TestRow>(
      "source_id,person,outcome,method,sampled_time,reported_time,cycle_threshold,laboratory\n"
      "1,p1,POSITIVE,NUCLEIC_ACID,2022-11-11T00:30:00Z,2022-11-11T04:30:00Z,21.5,City CDC\n");
  ASSERT_EQ(tests.size(), 1U);
  ASSERT_EQ(tests[0].problem, OkStatus());
  EXPECT_EQ(tests[0].row.outcome, TestRow::Outcome::kPositive);
  EXPECT_EQ(tests[0].row.cycle_threshold, 21.5);
}

TEST(RowReader, TellsWhatIsWrongWithAHeader) {
  EXPECT_EQ(HeaderProblem<TestRow>(""), "IMPORT_HEADER_MISSING");
  EXPECT_EQ(HeaderProblem<TestRow>("source_id,person,outcome\n"), "IMPORT_COLUMN_MISSING");
  EXPECT_EQ(HeaderProblem<TestRow>("source_id,person,outcome,sampled_time\n"),
            "IMPORT_COLUMN_MISSING");
  EXPECT_EQ(HeaderProblem<TestRow>("source_id,person,outcome,method,sampled_time,colour\n"),
            "IMPORT_COLUMN_UNKNOWN");
  EXPECT_EQ(HeaderProblem<TestRow>("source_id,person,outcome,method,sampled_time,person\n"),
            "IMPORT_COLUMN_TWICE");
  EXPECT_EQ(HeaderProblem<TestRow>("\"source_id,person\n"), "IMPORT_QUOTE_UNCLOSED");
}

TEST(RowReader, ReportsABadRowWithLineAndReasonAndGoesOn) {
  const auto rows = ReadAll<PresenceRow>(
      "source_id,person,setting,check_in_time,check_out_time\n"
      "1,p1,s1,yesterday,\n"
      "2,p1,s1\n"
      "3,,s1,2022-11-11T00:30:00Z,\n"
      "4,p1,s1,2022-11-11T00:30:00Z,2022-11-11T00:30:00Z\n"
      "5,p1,\"s1,2022-11-11T00:30:00Z,\n"
      "6,p1,s1,2022-11-11T00:30:00Z,2022-11-11T00:30:01Z\n"
      "7,p\x01,s1,2022-11-11T00:30:00Z,\n"
      "8,p\xFF,s1,2022-11-11T00:30:00Z,\n");
  std::vector<std::pair<uint64_t, std::string>> problems;
  for (const auto& row : rows) problems.emplace_back(row.begin.line, row.problem.reason());
  EXPECT_EQ(problems, (std::vector<std::pair<uint64_t, std::string>>{{2, "IMPORT_VALUE_INVALID"},
                                                                     {3, "IMPORT_FIELD_COUNT"},
                                                                     {4, "IMPORT_VALUE_MISSING"},
                                                                     {5, "IMPORT_ROW_INCONSISTENT"},
                                                                     {6, "IMPORT_QUOTE_UNCLOSED"},
                                                                     {7, ""},
                                                                     {8, "IMPORT_VALUE_INVALID"},
                                                                     {9, "IMPORT_VALUE_INVALID"}}));
  EXPECT_EQ(rows[0].raw, "1,p1,s1,yesterday,");
  EXPECT_EQ(rows[0].problem.metadata().at("field"), "check_in_time");
}

// Each value in turn in the column, all else being right.
void ExpectValues(const std::string& column, const std::vector<std::string>& good,
                  const std::vector<std::string>& bad,
                  const std::string& reason = "IMPORT_VALUE_INVALID") {
  const auto problem = [&](const std::string& value) {
    std::map<std::string, std::string> fields{{"setting", "s"}, {"category", "OTHER"}};
    if (column == "latitude") fields["longitude"] = "0";
    fields[column] = value;
    std::string header;
    std::string row;
    for (const auto& [name, field] : fields) {
      header += (header.empty() ? "" : ",") + name;
      row += (row.empty() ? "\"" : ",\"") + field + "\"";
    }
    const auto rows = ReadAll<SettingRow>(header + "\n" + row + "\n");
    EXPECT_EQ(rows.size(), 1U);
    return rows.at(0).problem.reason();
  };
  for (const auto& value : good) EXPECT_EQ(problem(value), "") << column << " " << value;
  for (const auto& value : bad) {
    EXPECT_EQ(problem(value), reason) << column << " " << value;
  }
}

TEST(RowReader, HoldsValuesToTheirTypes) {
  ExpectValues("latitude", {"0", "-90", "90.0", "1e1"},
               {"90.1", "nan", "inf", "12x", "+1", " 1", "1e999"});
  ExpectValues("usual_stay_minutes", {"10", "720"}, {"9", "721", "-1", "15.5", "99999999999"});
  ExpectValues("region_code", {"33", "33980100100100112345"},
               {"3", "339801001001001123456", "33a", "３３"});
  ExpectValues("setting", {"面馆", std::string(100, 'x')},
               {std::string(101, 'x'), "a\nb", "\xC0\x80", "a\x7F"});
  ExpectValues("setting",
               {DeriveId(kSettingId, {"a"}), "settings", "setting", "a setting_", "household"},
               {"setting_1", "setting_", "household_1", "person_1", DeriveId(kHouseholdId, {"a"})},
               "ID_MALFORMED");
  ExpectValues("category", {"OTHER", "A_1"}, {"other", "1A", "_A", "A B", std::string(41, 'A')});
}

TEST(RowReader, TakesTheKeysOfEachColumn) {
  const auto problem = [](const std::string& person, const std::string& setting) {
    return ReadAll<PresenceRow>("source_id,person,setting,check_in_time\n1," + person + "," +
                                setting + ",2022-11-11T00:30:00Z\n")
        .at(0)
        .problem.reason();
  };
  const std::string person = DeriveId(kPersonId, {"a"});
  EXPECT_EQ(problem("anna", "cafe"), "");
  EXPECT_EQ(problem(person, DeriveId(kSettingId, {"a"})), "");
  EXPECT_EQ(problem(person, DeriveId(kHouseholdId, {"a"})), "") << "people are at home, too";
  EXPECT_EQ(problem(person, person), "ID_MALFORMED");
  EXPECT_EQ(problem(DeriveId(kSettingId, {"a"}), "cafe"), "ID_MALFORMED");
  EXPECT_EQ(problem(person.substr(0, person.size() - 1), "cafe"), "ID_MALFORMED");
  EXPECT_EQ(ReadAll<PersonRow>("person,document_type,document_number,name,household\n"
                               "p,PASSPORT,E1,Li,household_12\n")
                .at(0)
                .problem.reason(),
            "ID_MALFORMED");
}

TEST(RowReader, ASamplingHasTheIdThatTheServiceTakes) {
  const auto problem = [](const std::string& source_id, const std::string& sampling_id) {
    return ReadAll<TestRow>("source_id,person,sampling_id,outcome,method,sampled_time\n" +
                            source_id + ",p," + sampling_id +
                            ",NEGATIVE,ANTIGEN,2022-11-11T00:30:00Z\n")
        .at(0)
        .problem.reason();
  };
  const std::string longest(64, 's');
  EXPECT_EQ(problem(longest, ""), "");
  EXPECT_EQ(problem(longest + "s", ""), "IMPORT_ROW_INCONSISTENT");
  EXPECT_EQ(problem(longest + "s", longest), "");
  for (const std::string& bad : {longest + "s", std::string("a/b"), std::string("a b")}) {
    EXPECT_EQ(problem("1", bad), "IMPORT_VALUE_INVALID") << bad;
  }
}

TEST(RowReader, GoesOnFromARowsEnd) {
  const std::string content =
      "source_id,person,outcome,method,sampled_time\n"
      "1,p1,NEGATIVE,ANTIGEN,2022-11-11T00:30:00Z\n"
      "2,p2,POSITIVE,ANTIGEN,2022-11-11T00:30:00Z\n";
  const auto rows = ReadAll<TestRow>(content);
  ASSERT_EQ(rows.size(), 2U);
  auto reader = RowReader<TestRow>::Open(OpenMemory(content), Dialect::kCsv, rows[0].end);
  ASSERT_TRUE(reader.ok());
  ImportedRow<TestRow> row;
  ASSERT_TRUE(*reader->Next(row));
  EXPECT_TRUE(row.row == rows[1].row);
  EXPECT_EQ(row.begin, (TablePosition{rows[0].end}));
  EXPECT_FALSE(*reader->Next(row));
  EXPECT_EQ(
      RowReader<TestRow>::Open(OpenMemory(content), Dialect::kCsv, {9999, 99}).status().reason(),
      "FILE_SHORTER");
}

TEST(DetectImportKind, IsToldByTheHeader) {
  const auto kind = [](std::string_view header) {
    return DetectImportKind(OpenMemory(header), Dialect::kCsv);
  };
  EXPECT_EQ(*kind("person,document_type,document_number,name\n"), ImportKind::kPeople);
  EXPECT_EQ(*kind("category,setting\n"), ImportKind::kSettings);
  EXPECT_EQ(*kind("source_id,person,setting,check_in_time\n"), ImportKind::kPresence);
  EXPECT_EQ(*kind("source_id,person,outcome,method,sampled_time\n"), ImportKind::kTests);
  EXPECT_EQ(kind("user,place\n").status().reason(), "IMPORT_HEADER_UNKNOWN");
  EXPECT_EQ(ImportKindName(ImportKind::kPresence), "presence");
}

}  // namespace
}  // namespace epigrid
