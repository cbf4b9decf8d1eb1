// Any bytes as an import file end in rows and problems, never in a crash; rows cover the file
// without gaps, and reading on from any row's end gives the rows that a reading from the start
// gives.
#include <cstdint>
#include <optional>
#include <vector>

#include "tools/import_format/row_reader.h"

namespace {

using epigrid::Dialect;
using epigrid::ImportedRow;
using epigrid::OpenMemory;
using epigrid::RowReader;
using epigrid::TablePosition;

template <typename Row>
void ReadAll(std::string_view content, Dialect dialect, size_t resume_at) {
  auto reader = RowReader<Row>::Open(OpenMemory(content), dialect);
  if (!reader.ok()) {
    EPIGRID_CHECK(!reader.status().reason().empty(), "an error has a reason");
    return;
  }
  std::optional<TablePosition> resumed_from;
  std::vector<TablePosition> after;
  ImportedRow<Row> row;
  TablePosition position = reader->position();
  for (size_t i = 0; reader->Next(row).value(); ++i) {
    EPIGRID_CHECK(row.begin.byte >= position.byte && row.end.byte > row.begin.byte &&
                      row.end.byte <= content.size() && row.begin.line >= position.line,
                  "rows follow each other");
    position = row.end;
    if (resumed_from) after.push_back(row.begin);
    if (i == resume_at) resumed_from = row.end;
  }
  if (!resumed_from) return;
  auto again = RowReader<Row>::Open(OpenMemory(content), dialect, *resumed_from);
  EPIGRID_CHECK(again.ok(), "a position that was given out can be gone on from");
  for (const TablePosition& begin : after) {
    EPIGRID_CHECK(again->Next(row).value() && row.begin == begin, "a resumed reading is the same");
  }
  EPIGRID_CHECK(!again->Next(row).value(), "a resumed reading ends at the same row");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view content(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Dialect dialect = data[0] % 2 == 0 ? Dialect::kCsv : Dialect::kTsv;
  const size_t resume_at = data[0] / 8;
  std::string headed;
  const auto with_header = [&](const auto& columns) -> std::string_view {
    if (data[1] % 2 == 0) return content;
    headed.clear();
    for (const auto& column : columns) {
      headed += column.name;
      headed += dialect == Dialect::kCsv ? ',' : '\t';
    }
    headed.back() = '\n';
    return headed += content;
  };
  switch (data[1] / 2 % 4) {
    case 0:
      ReadAll<epigrid::PersonRow>(with_header(epigrid::Columns<epigrid::PersonRow>()), dialect,
                                  resume_at);
      break;
    case 1:
      ReadAll<epigrid::SettingRow>(with_header(epigrid::Columns<epigrid::SettingRow>()), dialect,
                                   resume_at);
      break;
    case 2:
      ReadAll<epigrid::PresenceRow>(with_header(epigrid::Columns<epigrid::PresenceRow>()), dialect,
                                    resume_at);
      break;
    default:
      ReadAll<epigrid::TestRow>(with_header(epigrid::Columns<epigrid::TestRow>()), dialect,
                                resume_at);
  }
  return 0;
}
