// LoadReport: what became of the load that another process made, handed over in a file.
//
//   WriteLoadReport(path, {.residents = residents_did, .imports = imports_did});
//   LoadReport report = ReadLoadReport(path);      // by who started that process, when it has ended
#pragma once

#include <string>

#include "tests/bench/overload/open_loop.h"

namespace epigrid::bench {

struct LoadReport {
  // Of those read: without latencies.
  OpenLoopResult residents;
  OpenLoopResult imports;
};

void WriteLoadReport(const std::string& path, const LoadReport& report);
LoadReport ReadLoadReport(const std::string& path);

}  // namespace epigrid::bench
