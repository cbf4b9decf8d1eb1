// ByteSource: where the bytes of an import come from: a file, compressed by gzip or not, or memory.
//
//   EPIGRID_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, OpenFile("presence.tsv.gz"));
//   EPIGRID_ASSIGN_OR_RETURN(size_t count, source->Read(buffer, sizeof(buffer)));
//
// Positions are of the content, that is after decompression. Threads: one at a time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "common/base/status.h"

namespace epigrid {

class ByteSource {
 public:
  virtual ~ByteSource() = default;

  // Up to `size` bytes into `to`; 0 at the end of the content. Errors, after which nothing more can
  // be read: DATA_LOSS FILE_TRUNCATED (a gzip file that ends too early: what came before it has
  // been given), DATA_LOSS FILE_DAMAGED, UNAVAILABLE FILE_READ_FAILED.
  virtual Result<size_t> Read(char* to, size_t size) = 0;

  // The next Read begins at this byte. FAILED_PRECONDITION FILE_SHORTER if the content ends before
  // it.
  virtual Status Seek(uint64_t position) = 0;

  // How much was read, from 0 to 1, as far as it can be told: for showing progress.
  virtual double fraction_read() const = 0;
};

// A file; gzip is told by its first bytes, not by its name. NOT_FOUND FILE_NOT_READABLE.
Result<std::unique_ptr<ByteSource>> OpenFile(const std::filesystem::path& path);

// Bytes that outlive the source.
std::unique_ptr<ByteSource> OpenMemory(std::string_view content);

}  // namespace epigrid
