// Table: what was measured, a row for each figure, as Markdown that the README can take.
//
//   Table table;
//   table.Add({"GetCode", "38,000 calls/s", "echo 45,000 calls/s: 84 %", "85 %"});
//   std::fputs(table.ToString().c_str(), stdout);
#pragma once

#include <array>
#include <string>
#include <vector>

namespace epigrid::bench {

class Table {
 public:
  // What, measured, baseline of the same run, wanted.
  using Row = std::array<std::string, 4>;

  // Also told at once, so that a long run shows how far it is.
  void Add(Row row);
  std::string ToString() const;

 private:
  std::vector<Row> rows_;
};

}  // namespace epigrid::bench
