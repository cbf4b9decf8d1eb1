#include "tools/import_format/table_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace epigrid {
namespace {

using testing::ElementsAre;
using Fields = std::vector<std::string>;

std::vector<Record> ReadAll(std::string_view content, Dialect dialect) {
  TableReader reader(OpenMemory(content), dialect);
  std::vector<Record> records;
  Record record;
  while (true) {
    Result<bool> more = reader.Next(record);
    EXPECT_TRUE(more.ok()) << more.status().ToString();
    if (!more.ok() || !*more) return records;
    records.push_back(record);
  }
}

std::vector<Fields> FieldsOf(std::string_view content, Dialect dialect) {
  std::vector<Fields> all;
  for (const Record& record : ReadAll(content, dialect)) {
    EXPECT_EQ(record.problem, OkStatus());
    all.push_back(record.fields);
  }
  return all;
}

TEST(TableReader, CutsTsv) {
  EXPECT_THAT(FieldsOf("a\tb\n\"c\t\r\n\n\td\n", Dialect::kTsv),
              ElementsAre(Fields{"a", "b"}, Fields{"\"c", ""}, Fields{"", "d"}));
}

TEST(TableReader, CutsCsvAsRfc4180Says) {
  EXPECT_THAT(FieldsOf("a,b\r\n\"c,\"\"d\"\"\",\"x\ny\"\r\n,\n\"\"\n", Dialect::kCsv),
              ElementsAre(Fields{"a", "b"}, Fields{"c,\"d\"", "x\ny"}, Fields{"", ""}, Fields{""}));
}

TEST(TableReader, DropsTheByteOrderMark) {
  EXPECT_THAT(FieldsOf("\xEF\xBB\xBF\"a\",b\n", Dialect::kCsv), ElementsAre(Fields{"a", "b"}));
}

TEST(TableReader, ReadsNothingFromNothing) {
  EXPECT_TRUE(ReadAll("", Dialect::kCsv).empty());
  EXPECT_TRUE(ReadAll("\n\r\n\n", Dialect::kTsv).empty());
}

TEST(TableReader, CountsLinesAndBytes) {
  const auto records = ReadAll("a,b\n\n\"c\nd\",e\nf,g\n", Dialect::kCsv);
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0].begin, (TablePosition{0, 1}));
  EXPECT_EQ(records[1].begin, (TablePosition{5, 3}));
  EXPECT_EQ(records[1].end, (TablePosition{13, 5}));
  EXPECT_EQ(records[2].begin, (TablePosition{13, 5}));
  EXPECT_EQ(records[2].end, (TablePosition{17, 6}));
}

TEST(TableReader, WhatMayBeCutShortIsNoRecord) {
  for (const Dialect dialect : {Dialect::kCsv, Dialect::kTsv}) {
    const auto records = ReadAll("one\nhal", dialect);
    ASSERT_EQ(records.size(), 2U);
    EXPECT_EQ(records[0].problem, OkStatus());
    EXPECT_EQ(records[1].problem.reason(), "IMPORT_LINE_UNENDED");
    EXPECT_EQ(records[1].raw, "hal");
    EXPECT_EQ(records[1].end, (TablePosition{7, 2}));
  }
}

TEST(TableReader, AnUnclosedQuoteCostsOneLine) {
  const auto records = ReadAll("a,\"b\nc,d\ne,f\n", Dialect::kCsv);
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0].problem.reason(), "IMPORT_QUOTE_UNCLOSED");
  EXPECT_EQ(records[0].raw, "a,\"b");
  EXPECT_EQ(records[1].fields, (Fields{"c", "d"}));
  EXPECT_EQ(records[1].begin.line, 2U);
  EXPECT_EQ(records[2].fields, (Fields{"e", "f"}));
}

TEST(TableReader, AnUnclosedQuoteDoesNotEatTheNextQuotedRow) {
  const auto records = ReadAll("a,\"b\n\"c\",d\n", Dialect::kCsv);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].problem.reason(), "IMPORT_QUOTE_UNCLOSED");
  EXPECT_EQ(records[1].fields, (Fields{"c", "d"}));
}

TEST(TableReader, AMisplacedQuoteCostsOneLine) {
  const auto records = ReadAll("a\"b,c\n\"d\"e,f\ng,h\n", Dialect::kCsv);
  ASSERT_EQ(records.size(), 3U);
  EXPECT_EQ(records[0].problem.reason(), "IMPORT_QUOTE_MISPLACED");
  EXPECT_EQ(records[1].problem.reason(), "IMPORT_QUOTE_MISPLACED");
  EXPECT_EQ(records[2].fields, (Fields{"g", "h"}));
}

TEST(TableReader, ARecordTooLongIsPassedOver) {
  for (const Dialect dialect : {Dialect::kCsv, Dialect::kTsv}) {
    const std::string content = "a\n" + std::string(kTextRecordBytesMax * 9, 'x') + "\nb\n" +
                                std::string(kTextRecordBytesMax, 'y') + "\n" +
                                std::string(kTextRecordBytesMax + 1, 'z');
    const auto records = ReadAll(content, dialect);
    ASSERT_EQ(records.size(), 5U);
    EXPECT_EQ(records[1].problem.reason(), "IMPORT_RECORD_TOO_LONG");
    EXPECT_EQ(records[1].begin.line, 2U);
    EXPECT_EQ(records[2].fields, Fields{"b"});
    EXPECT_EQ(records[2].begin, (TablePosition{2 + kTextRecordBytesMax * 9 + 1, 3}));
    EXPECT_EQ(records[3].fields, Fields{std::string(kTextRecordBytesMax, 'y')});
    EXPECT_EQ(records[4].problem.reason(), "IMPORT_RECORD_TOO_LONG");
  }
}

TEST(TableReader, GoesOnFromAnyRecordsEnd) {
  std::string content;
  for (int i = 0; i < 50'000; ++i) content += "row," + std::to_string(i) + ",\"x\ny\"\n";
  const auto records = ReadAll(content, Dialect::kCsv);
  ASSERT_EQ(records.size(), 50'000U);
  for (const size_t i : {0, 1, 777, 49'998}) {
    TableReader reader(OpenMemory(content), Dialect::kCsv);
    ASSERT_EQ(reader.Seek(records[i].end), OkStatus());
    Record record;
    ASSERT_TRUE(*reader.Next(record));
    EXPECT_EQ(record.fields, records[i + 1].fields);
    EXPECT_EQ(record.begin, records[i + 1].begin);
    EXPECT_EQ(record.end, records[i + 1].end);
  }
}

// Breaks off with an error after its content.
class BrokenSource final : public ByteSource {
 public:
  explicit BrokenSource(std::string_view content) : memory_(OpenMemory(content)) {}
  Result<size_t> Read(char* to, size_t size) override {
    EPIGRID_ASSIGN_OR_RETURN(const size_t count, memory_->Read(to, size));
    if (count == 0) return Status(Code::kDataLoss, "FILE_TRUNCATED", "broken off");
    return count;
  }
  Status Seek(uint64_t position) override { return memory_->Seek(position); }
  double fraction_read() const override { return memory_->fraction_read(); }

 private:
  std::unique_ptr<ByteSource> memory_;
};

TEST(TableReader, GivesWholeRecordsOfABrokenFileAndNoHalfOne) {
  for (const Dialect dialect : {Dialect::kCsv, Dialect::kTsv}) {
    TableReader reader(std::make_unique<BrokenSource>("one\ntwo\nhal"), dialect);
    Record record;
    ASSERT_TRUE(*reader.Next(record));
    ASSERT_TRUE(*reader.Next(record));
    EXPECT_EQ(record.fields, Fields{"two"});
    EXPECT_EQ(reader.Next(record).status().reason(), "FILE_TRUNCATED");
  }
}

TEST(DialectOf, IsToldByTheName) {
  EXPECT_EQ(*DialectOf("a/people.csv"), Dialect::kCsv);
  EXPECT_EQ(*DialectOf("presence.tsv.gz"), Dialect::kTsv);
  EXPECT_EQ(DialectOf("presence.txt").status().reason(), "FILE_NAME_UNKNOWN");
}

}  // namespace
}  // namespace epigrid
