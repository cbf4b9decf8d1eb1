// RejectFile: the rows of an import that were not taken, with line, reason and message: CSV that a
// spreadsheet opens.
//
// Made when there is something to write. Only its owner may read it, since rows may be personal.
// Threads: one at a time.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "common/base/status.h"
#include "tools/epigridctl/import/durable_file.h"

namespace epigrid::ctl {

// A row, or a part of one, that was not taken.
struct Reject {
  uint64_t line = 0;  // where the row begins
  Status problem;
  std::string row;  // as it stands in the file
};

class RejectFile {
 public:
  explicit RejectFile(std::filesystem::path path) : path_(std::move(path)) {}

  // Goes on behind this many bytes that an earlier run wrote; 0: the file is begun anew.
  // FAILED_PRECONDITION REJECT_FILE_SHORTER.
  Status Resume(uint64_t bytes);
  Status Write(const Reject& reject);
  Status Sync();

  const std::filesystem::path& path() const { return path_; }
  uint64_t bytes() const { return file_.has_value() ? file_->size() : 0; }

 private:
  Status Open();

  std::filesystem::path path_;
  std::optional<AppendFile> file_;
};

}  // namespace epigrid::ctl
