// epigridctl import: files of people, settings, presence and tests (tools/import_format/README.md)
// into the services.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tools/epigridctl/connection.h"
#include "tools/epigridctl/console.h"

namespace epigrid::ctl {

struct ImportOptions {
  std::vector<std::filesystem::path> files;  // taken in the order people, settings, presence, tests
  std::filesystem::path state = ".epigrid-import";
  std::string source = "import";  // 1 to 64 characters of a-z, 0-9, '-', '_', '.'
  std::filesystem::path rejects;  // directory of the reject files; empty: beside each file
  size_t batch_rows = 0;          // 0: as many as the service takes: 1,000, of presence 5,000
  size_t in_flight = 4;           // batches
  double rows_per_second = 0;     // 0: as fast as it goes
  Duration give_up_after = std::chrono::minutes(5);  // of a call that fails again and again
  // from their beginning also files that were imported to their end
  bool again = false;
  bool dry_run = false;  // only check the files
};

// kPartly if rows were rejected; kInterrupted, after saying how to go on. Errors besides those of
// files, state and calls: INVALID_ARGUMENT SOURCE_MALFORMED, REJECT_FILES_COLLIDE;
// FAILED_PRECONDITION STATE_OF_ANOTHER_SERVER.
Result<ExitCode> Import(const Servers& servers, const ImportOptions& options,
                        const Console& console);

}  // namespace epigrid::ctl
