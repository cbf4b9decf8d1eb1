// RowReader: reads one kind of import file, row by row, in constant memory; a bad row is reported
// and passed over.
//
//   EPIGRID_ASSIGN_OR_RETURN(auto source, OpenFile(path));
//   EPIGRID_ASSIGN_OR_RETURN(auto reader, RowReader<PresenceRow>::Open(std::move(source), dialect));
//   ImportedRow<PresenceRow> imported;
//   while (true) {
//     EPIGRID_ASSIGN_OR_RETURN(bool more, reader.Next(imported));
//     if (!more) break;
//     if (!imported.problem.ok()) reject_file.Write(imported.begin.line, imported.problem, imported.raw);
//     ...
//     // imported.end is where a later reader may go on: Open(source, dialect, imported.end).
//   }
//
// The first record is the header: names of columns in any order, each at most once, all required
// ones among them. A name that no column has is an error, since a mistyped optional column would be
// dropped in silence. Threads: one at a time.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tools/import_format/columns.h"
#include "tools/import_format/table_reader.h"

namespace epigrid {

enum class ImportKind : uint8_t { kPeople, kSettings, kPresence, kTests };

// "people", "settings", "presence", "tests".
std::string_view ImportKindName(ImportKind kind);

// Which kind of file this is, by its header. INVALID_ARGUMENT IMPORT_HEADER_UNKNOWN, with the
// columns of each kind; the source's errors.
Result<ImportKind> DetectImportKind(std::unique_ptr<ByteSource> source, Dialect dialect);

template <typename Row>
struct ImportedRow {
  TablePosition begin;
  TablePosition end;  // where the next row begins: an import that stopped here goes on from it
  std::string raw;  // as it stands in the file, for a reject file; it may be personal: not for logs
  Row row;          // meaningless if there is a problem
  // OK, or INVALID_ARGUMENT with reason IMPORT_VALUE_INVALID, IMPORT_VALUE_MISSING,
  // IMPORT_ROW_INCONSISTENT, IMPORT_FIELD_COUNT, or one of Record::problem.
  Status problem;
};

template <typename Row>
class RowReader {
 public:
  // Reads the header, then goes on at `from` if that is beyond it. INVALID_ARGUMENT:
  // IMPORT_HEADER_MISSING, IMPORT_COLUMN_UNKNOWN, IMPORT_COLUMN_MISSING, IMPORT_COLUMN_TWICE;
  // FAILED_PRECONDITION FILE_SHORTER; the source's errors.
  static Result<RowReader> Open(std::unique_ptr<ByteSource> source, Dialect dialect,
                                TablePosition from = {});

  // False at the end. An error is the source's: reading cannot go on.
  Result<bool> Next(ImportedRow<Row>& imported);

  const TablePosition& position() const { return table_.position(); }
  // The header as it stands in the file, for a reject file.
  const std::string& header() const { return header_; }

 private:
  RowReader(TableReader table, std::string header, std::vector<const Column<Row>*> columns)
      : table_(std::move(table)), header_(std::move(header)), columns_(std::move(columns)) {}
  Status Parse(Row& row) const;

  TableReader table_;
  std::string header_;
  std::vector<const Column<Row>*> columns_;  // in the file's order
  Record record_;
};

extern template class RowReader<PersonRow>;
extern template class RowReader<SettingRow>;
extern template class RowReader<PresenceRow>;
extern template class RowReader<TestRow>;

}  // namespace epigrid
