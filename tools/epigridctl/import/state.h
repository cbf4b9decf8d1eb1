// ImportState: what an import remembers from one run to the next, in a directory:
//
//   <state>/<source>/people            keys of people (key_map.h)
//   <state>/<source>/files/<id>.json   how far the import of a file is
//   <state>/<source>/lock              held while an import runs
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "common/base/status.h"
#include "tools/epigridctl/import/key_map.h"
#include "tools/import_format/table_reader.h"

namespace epigrid::ctl {

// How far the import of one file is. All before `position` was answered by the servers.
struct FileProgress {
  uint32_t run = 1;  // how many times the file was begun
  TablePosition position;
  uint64_t rows = 0;      // up to there
  uint64_t rejected = 0;  // of them
  uint64_t reject_file_bytes = 0;
  bool done = false;
};

// Names a file by its size, its time of change and both its ends, wherever it lies: what a resumed
// import must find unchanged, and what request ids are derived from. NOT_FOUND FILE_NOT_READABLE.
Result<std::string> IdentifyFile(const std::filesystem::path& path);

class ImportState {
 public:
  // FAILED_PRECONDITION STATE_IN_USE if another import runs; the errors of KeyMap and AppendFile.
  static Result<ImportState> Open(const std::filesystem::path& directory,
                                  const std::string& source);
  ImportState(ImportState&& other) noexcept;
  ~ImportState();

  KeyMap& keys() { return *keys_; }

  // What was saved; of a file that was never begun: the start. DATA_LOSS STATE_DAMAGED.
  Result<FileProgress> Load(const std::string& file_id) const;
  Status Save(const std::string& file_id, const FileProgress& progress) const;

 private:
  ImportState(std::filesystem::path directory, int lock)
      : directory_(std::move(directory)), lock_(lock) {}
  std::filesystem::path ProgressPath(const std::string& file_id) const;

  std::filesystem::path directory_;
  int lock_;
  std::unique_ptr<KeyMap> keys_;
};

}  // namespace epigrid::ctl
