// ImportFile: one file from where it stopped to its end.
#pragma once

#include <filesystem>
#include <string>

#include "tools/epigridctl/console.h"
#include "tools/epigridctl/import/state.h"
#include "tools/epigridctl/import_command.h"
#include "tools/import_format/row_reader.h"

namespace epigrid::ctl {

struct ImportedFile {
  std::filesystem::path path;
  ImportKind kind = ImportKind::kPeople;
  FileProgress progress;
  uint64_t rows_now = 0;  // of progress.rows, those of this run
  Duration elapsed{0};
  std::filesystem::path reject_path;
  bool was_done = false;  // by an earlier run: nothing was sent
  Status end;             // OK: to the end of the file
};

// Where rows of this file that are not taken are listed.
std::filesystem::path RejectPath(const ImportOptions& options, const std::filesystem::path& path);

// `state` null: a dry run.
ImportedFile ImportFile(const Servers& servers, const ImportOptions& options,
                        const std::filesystem::path& path, ImportKind kind, ImportState* state,
                        const Console& console);

}  // namespace epigrid::ctl
