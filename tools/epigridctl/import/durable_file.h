// Files that are there after a crash.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "common/base/status.h"

namespace epigrid::ctl {

// A file that grows at its end. Only its owner may read it: what an import writes may be personal.
// Threads: one at a time.
class AppendFile {
 public:
  // Makes the file if it is not there. UNAVAILABLE FILE_WRITE_FAILED.
  static Result<AppendFile> Open(const std::filesystem::path& path);
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&&) = delete;
  ~AppendFile();

  // Cuts off what lies behind; it has at least this size.
  Status Truncate(uint64_t size);
  Status Append(std::string_view bytes);
  // Until then a crash may take what was appended.
  Status Sync();
  uint64_t size() const { return size_; }

 private:
  AppendFile(std::filesystem::path path, int file, uint64_t size)
      : path_(std::move(path)), file_(file), size_(size) {}
  Status Failure(std::string_view what) const;

  std::filesystem::path path_;
  int file_;
  uint64_t size_;
  bool synced_ = true;
};

// Puts the file in place as a whole, or leaves the one that was there. UNAVAILABLE
// FILE_WRITE_FAILED.
Status WriteDurably(const std::filesystem::path& path, std::string_view content);

// With those above it; only for the owner. UNAVAILABLE FILE_WRITE_FAILED.
Status MakeDirectory(const std::filesystem::path& path);

}  // namespace epigrid::ctl
