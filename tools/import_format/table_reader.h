// TableReader: cuts CSV (RFC 4180) and TSV into records, in constant memory.
//
//   TableReader reader(std::move(source), Dialect::kCsv);
//   Record record;
//   while (true) {
//     EPIGRID_ASSIGN_OR_RETURN(bool more, reader.Next(record));
//     if (!more) break;
//     if (!record.problem.ok()) { ... one bad record; the next call goes on after it }
//   }
//
// * CSV: fields parted by commas; a field in double quotes may hold commas, line ends and doubled
//   quotes.
// * TSV: fields parted by tabs, no quotes: a field holds neither tab nor line end.
// * Lines end with LF or CRLF. A last one that does not is a bad record: a value that is cut short
//   could look like a whole one. Blank lines are passed over. A byte order mark at the start is
//   dropped.
// * A record is at most kTextRecordBytesMax long. After a quote that is never closed, or a record
//   too long, reading goes on with the line after the one where the record began: one slip does not
//   cost the rest of the file.
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/status.h"
#include "tools/import_format/byte_source.h"

namespace epigrid {

enum class Dialect : uint8_t { kCsv, kTsv };

// By the name's ending: .csv or .tsv, with or without .gz. INVALID_ARGUMENT FILE_NAME_UNKNOWN.
Result<Dialect> DialectOf(const std::filesystem::path& path);

// Where a record begins: what an import writes down to go on from later.
struct TablePosition {
  uint64_t byte = 0;
  uint64_t line = 1;
  friend bool operator==(const TablePosition&, const TablePosition&) = default;
};

struct Record {
  TablePosition begin;
  TablePosition end;  // where the next one begins
  std::string raw;    // as it stands in the file, without the line end; cut off if it is too long
  std::vector<std::string> fields;  // unquoted
  // OK, or INVALID_ARGUMENT: IMPORT_QUOTE_UNCLOSED, IMPORT_QUOTE_MISPLACED, IMPORT_RECORD_TOO_LONG,
  // IMPORT_LINE_UNENDED.
  Status problem;
};

inline constexpr size_t kTextRecordBytesMax = size_t{64} * 1024;

class TableReader {
 public:
  TableReader(std::unique_ptr<ByteSource> source, Dialect dialect);

  // False at the end. An error is the source's: reading cannot go on.
  Result<bool> Next(Record& record);

  // Goes on from a position that an earlier reader of the same content gave. FAILED_PRECONDITION
  // FILE_SHORTER.
  Status Seek(const TablePosition& position);
  const TablePosition& position() const { return position_; }

 private:
  struct Cut;
  Status Fill();
  std::string_view Ahead() const { return std::string_view(buffer_).substr(cursor_); }
  void Consume(size_t bytes, uint64_t lines);
  Status SkipLine();
  Cut CutCsv(std::string_view text, std::vector<std::string>& fields) const;
  Cut CutTsv(std::string_view text, std::vector<std::string>& fields) const;

  std::unique_ptr<ByteSource> source_;
  Dialect dialect_;
  std::string buffer_;
  size_t cursor_ = 0;
  bool source_ended_ = false;
  Status source_failure_;  // given out once all bytes before it are used up
  TablePosition position_;
};

}  // namespace epigrid
