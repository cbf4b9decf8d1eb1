#include "tools/import_format/row_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "tools/import_format/values.h"

namespace epigrid {
namespace {

template <typename Row>
std::string ColumnNames() {
  std::vector<std::string_view> names;
  for (const Column<Row>& column : Columns<Row>()) names.push_back(column.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

// The columns that the header names, in its order.
template <typename Row>
Result<std::vector<const Column<Row>*>> MatchHeader(const std::vector<std::string>& header) {
  std::vector<const Column<Row>*> matched;
  for (size_t i = 0; i < header.size(); ++i) {
    const auto column = std::ranges::find(Columns<Row>(), header[i], &Column<Row>::name);
    if (column == Columns<Row>().end()) {
      return InvalidArgument(
          "IMPORT_COLUMN_UNKNOWN",
          fmt::format("column {} of the header is none of: {}", i + 1, ColumnNames<Row>()));
    }
    if (std::ranges::find(matched, &*column) != matched.end()) {
      return InvalidArgument("IMPORT_COLUMN_TWICE",
                             fmt::format("the header names {} twice", column->name));
    }
    matched.push_back(&*column);
  }
  for (const Column<Row>& column : Columns<Row>()) {
    if (column.required && std::ranges::find(matched, &column) == matched.end()) {
      return InvalidArgument(
          "IMPORT_COLUMN_MISSING",
          fmt::format("the header lacks {}; the columns are: {}", column.name, ColumnNames<Row>()));
    }
  }
  return matched;
}

Status ReadHeader(TableReader& table, Record& record) {
  EPIGRID_ASSIGN_OR_RETURN(const bool found, table.Next(record));
  if (!found) {
    return InvalidArgument("IMPORT_HEADER_MISSING",
                           "the file is empty: its first line names the columns");
  }
  return record.problem;
}

}  // namespace

std::string_view ImportKindName(ImportKind kind) {
  switch (kind) {
    case ImportKind::kPeople: return "people";
    case ImportKind::kSettings: return "settings";
    case ImportKind::kPresence: return "presence";
    case ImportKind::kTests: return "tests";
  }
  EPIGRID_CHECK(false, "every kind is named above");
}

Result<ImportKind> DetectImportKind(std::unique_ptr<ByteSource> source, Dialect dialect) {
  TableReader table(std::move(source), dialect);
  Record record;
  EPIGRID_RETURN_IF_ERROR(ReadHeader(table, record));
  const auto& header = record.fields;
  if (MatchHeader<PersonRow>(header).ok()) return ImportKind::kPeople;
  if (MatchHeader<SettingRow>(header).ok()) return ImportKind::kSettings;
  if (MatchHeader<PresenceRow>(header).ok()) return ImportKind::kPresence;
  if (MatchHeader<TestRow>(header).ok()) return ImportKind::kTests;
  return InvalidArgument(
      "IMPORT_HEADER_UNKNOWN",
      fmt::format("the header is that of no import file. people: {}. settings: {}. presence: {}. "
                  "tests: {}.",
                  ColumnNames<PersonRow>(), ColumnNames<SettingRow>(), ColumnNames<PresenceRow>(),
                  ColumnNames<TestRow>()));
}

template <typename Row>
Result<RowReader<Row>> RowReader<Row>::Open(std::unique_ptr<ByteSource> source, Dialect dialect,
                                            TablePosition from) {
  TableReader table(std::move(source), dialect);
  Record record;
  EPIGRID_RETURN_IF_ERROR(ReadHeader(table, record));
  EPIGRID_ASSIGN_OR_RETURN(auto columns, MatchHeader<Row>(record.fields));
  if (from.byte > record.end.byte) EPIGRID_RETURN_IF_ERROR(table.Seek(from));
  return RowReader(std::move(table), std::move(record.raw), std::move(columns));
}

template <typename Row>
Status RowReader<Row>::Parse(Row& row) const {
  if (record_.fields.size() != columns_.size()) {
    return InvalidArgument("IMPORT_FIELD_COUNT",
                           fmt::format("the row has {} fields, the header {}",
                                       record_.fields.size(), columns_.size()));
  }
  for (size_t i = 0; i < columns_.size(); ++i) {
    const Column<Row>& column = *columns_[i];
    const std::string& text = record_.fields[i];
    if (!text.empty()) {
      EPIGRID_RETURN_IF_ERROR(column.parse(column.name, text, row));
    } else if (column.required) {
      return import_values::Missing(column.name);
    }
  }
  return CheckRow(row);
}

template <typename Row>
Result<bool> RowReader<Row>::Next(ImportedRow<Row>& imported) {
  EPIGRID_ASSIGN_OR_RETURN(const bool found, table_.Next(record_));
  if (!found) return false;
  imported.begin = record_.begin;
  imported.end = record_.end;
  imported.row = {};
  imported.problem = record_.problem.ok() ? Parse(imported.row) : record_.problem;
  std::swap(imported.raw, record_.raw);
  return true;
}

template class RowReader<PersonRow>;
template class RowReader<SettingRow>;
template class RowReader<PresenceRow>;
template class RowReader<TestRow>;

}  // namespace epigrid
