// KeyMap: which person a key of the import files stands for, kept in a file.
//
//   EPIGRID_ASSIGN_OR_RETURN(std::unique_ptr<KeyMap> keys, KeyMap::Open(directory / "people"));
//   EPIGRID_RETURN_IF_ERROR(keys->Add("anna", "person_..."));
//   EPIGRID_RETURN_IF_ERROR(keys->Sync());
//   keys->Find("anna");                           // "person_..."
//
// The file only grows: a line "<CRC-32 of the rest> <id> <key>" each. A last line that a crash cut
// short is dropped; a damaged line before it is an error, since people would be lost in silence.
// All is held in memory, some 200 bytes a person. Keys may be names: the file is for its owner's
// eyes only. Threads: any.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/status.h"
#include "tools/epigridctl/import/durable_file.h"

namespace epigrid::ctl {

class KeyMap {
 public:
  // DATA_LOSS KEYS_DAMAGED; the errors of AppendFile.
  static Result<std::unique_ptr<KeyMap>> Open(const std::filesystem::path& path);

  std::optional<std::string> Find(std::string_view key) const;
  // ALREADY_EXISTS PERSON_KEY_TAKEN if the key stands for another person; the errors of AppendFile.
  Status Add(std::string_view key, std::string_view id);
  // What was added is there after a crash.
  Status Sync();

  size_t size() const;
  // The id that was read or added last; empty: none.
  std::string last_id() const;

 private:
  explicit KeyMap(AppendFile file) : file_(std::move(file)) {}
  Status Load(const std::filesystem::path& path);

  mutable std::mutex mutex_;
  AppendFile file_;
  std::string pending_;  // lines that are not in the file yet
  absl::flat_hash_map<std::string, std::string> ids_;
  std::string last_id_;
};

}  // namespace epigrid::ctl
