#include "tests/bench/system/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

namespace epigrid::bench {
namespace {

const Table::Row kHeads = {"what", "measured", "baseline of the same run", "wanted"};

}  // namespace

void Table::Add(Row row) {
  fmt::print(stderr, "{}: {}\n", row[0], row[1]);
  rows_.push_back(std::move(row));
}

std::string Table::ToString() const {
  std::array<size_t, kHeads.size()> widths{};
  for (size_t column = 0; column < kHeads.size(); ++column) {
    widths[column] = kHeads[column].size();
    for (const Row& row : rows_) widths[column] = std::max(widths[column], row[column].size());
  }
  std::string text;
  const auto add = [&](const Row& row) {
    for (size_t column = 0; column < row.size(); ++column) {
      text += fmt::format("| {:<{}} ", row[column], widths[column]);
    }
    text += "|\n";
  };
  add(kHeads);
  for (const size_t width : widths) text += fmt::format("|{:-<{}}", "", width + 2);
  text += "|\n";
  for (const Row& row : rows_) add(row);
  return text;
}

}  // namespace epigrid::bench
