#include "tools/import_format/byte_source.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace epigrid {
namespace {

// zlib's gz functions read plain files as they are.
class FileSource final : public ByteSource {
 public:
  FileSource(gzFile file, std::string name, uint64_t size)
      : file_(file), name_(std::move(name)), size_(size) {}
  ~FileSource() override { gzclose_r(file_); }

  Result<size_t> Read(char* to, size_t size) override {
    EPIGRID_RETURN_IF_ERROR(failure_);
    const auto wanted = static_cast<unsigned>(std::min<size_t>(size, 1U << 30));
    const int count = gzread(file_, to, wanted);
    if (count < static_cast<int>(wanted)) failure_ = Failure();
    if (count > 0) return static_cast<size_t>(count);
    EPIGRID_RETURN_IF_ERROR(failure_);
    return size_t{0};
  }

  Status Seek(uint64_t position) override {
    EPIGRID_RETURN_IF_ERROR(failure_);
    if (gzseek(file_, static_cast<z_off_t>(position), SEEK_SET) < 0) return SeekFailure(position);
    // zlib seeks lazily: only a read shows whether there is anything. The byte before tells.
    if (position == 0) return OkStatus();
    if (gzseek(file_, static_cast<z_off_t>(position - 1), SEEK_SET) < 0 || gzgetc(file_) < 0) {
      EPIGRID_RETURN_IF_ERROR(Failure());
      return SeekFailure(position);
    }
    return OkStatus();
  }

  // Of the file's own bytes, compressed or not.
  double fraction_read() const override {
    const z_off_t offset = gzoffset(file_);
    if (offset < 0 || size_ == 0) return 0;
    return std::min(1.0, static_cast<double>(offset) / static_cast<double>(size_));
  }

 private:
  // What zlib says of the file after a read that gave less than was asked for.
  Status Failure() const {
    int error = Z_OK;
    gzerror(file_, &error);
    switch (error) {
      case Z_OK:
      case Z_STREAM_END: return OkStatus();
      case Z_BUF_ERROR:
        return {Code::kDataLoss, "FILE_TRUNCATED",
                fmt::format("{} ends in the middle of its gzip stream: copy it again", name_)};
      case Z_DATA_ERROR:
        return {Code::kDataLoss, "FILE_DAMAGED",
                fmt::format("{} is not a valid gzip file: copy it again", name_)};
      default:
        return Unavailable("FILE_READ_FAILED", fmt::format("{} cannot be read any further", name_));
    }
  }
  Status SeekFailure(uint64_t position) const {
    return FailedPrecondition("FILE_SHORTER",
                              fmt::format("{} ends before byte {}: it is not the file that was "
                                          "begun with",
                                          name_, position));
  }

  gzFile file_;
  std::string name_;
  uint64_t size_;
  Status failure_;
};

class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::string_view content) : content_(content) {}

  Result<size_t> Read(char* to, size_t size) override {
    const size_t count = std::min(size, content_.size() - position_);
    if (count > 0) std::memcpy(to, content_.data() + position_, count);
    position_ += count;
    return count;
  }
  Status Seek(uint64_t position) override {
    if (position > content_.size()) {
      return FailedPrecondition("FILE_SHORTER",
                                fmt::format("the content ends before byte {}", position));
    }
    position_ = position;
    return OkStatus();
  }
  double fraction_read() const override {
    if (content_.empty()) return 1;
    return static_cast<double>(position_) / static_cast<double>(content_.size());
  }

 private:
  std::string_view content_;
  size_t position_ = 0;
};

}  // namespace

Result<std::unique_ptr<ByteSource>> OpenFile(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return NotFound("FILE_NOT_READABLE", fmt::format("{} is a directory", path.string()));
  }
  errno = 0;
  gzFile file = gzopen(path.c_str(), "rb");
  if (file == nullptr) {
    return NotFound("FILE_NOT_READABLE",
                    fmt::format("{} cannot be opened: {}", path.string(),
                                std::system_category().message(errno == 0 ? ENOMEM : errno)));
  }
  gzbuffer(file, 1U << 17);
  // 0 if it has no size, as a pipe.
  const uintmax_t size = std::filesystem::file_size(path, ignored);
  return std::unique_ptr<ByteSource>(
      std::make_unique<FileSource>(file, path.string(), ignored ? 0 : size));
}

std::unique_ptr<ByteSource> OpenMemory(std::string_view content) {
  return std::make_unique<MemorySource>(content);
}

}  // namespace epigrid
