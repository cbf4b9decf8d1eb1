#include "common/crypto/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace epigrid {
namespace {

constexpr size_t kBytesMax = 64 << 10;

class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

Status FileError(std::string reason, const std::filesystem::path& file, int error) {
  return FailedPrecondition(std::move(reason), file.string() + ": " + std::strerror(error));
}

// Writes to a new file beside the wanted one, durably; answers its name.
Result<std::filesystem::path> WriteBeside(const std::filesystem::path& file,
                                          std::string_view text) {
  std::filesystem::path temporary = file;
  temporary += ".new." + std::to_string(::getpid());
  const FileDescriptor fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (fd.get() < 0) return FileError("MASTER_KEY_FILE_UNWRITABLE", temporary, errno);
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = ::write(fd.get(), text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) break;
    done += static_cast<size_t>(written);
  }
  if (done < text.size() || ::fsync(fd.get()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    return FileError("MASTER_KEY_FILE_UNWRITABLE", temporary, error);
  }
  return temporary;
}

// A name is durable once its directory is.
Status SyncDirectoryOf(const std::filesystem::path& file) {
  const std::filesystem::path directory = file.has_parent_path() ? file.parent_path() : ".";
  const FileDescriptor fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0) {
    return FileError("MASTER_KEY_FILE_UNWRITABLE", directory, errno);
  }
  return OkStatus();
}

}  // namespace

Result<std::string> ReadSecretFile(const std::filesystem::path& file) {
  const FileDescriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat info{};
  if (fd.get() < 0 || ::fstat(fd.get(), &info) != 0) {
    return FileError("MASTER_KEY_FILE_UNREADABLE", file, errno);
  }
  if (!S_ISREG(info.st_mode)) {
    return FailedPrecondition("MASTER_KEY_FILE_UNREADABLE", file.string() + ": not a regular file");
  }
  if ((info.st_mode & (S_IWGRP | S_IRWXO)) != 0) {
    return FailedPrecondition(
        "MASTER_KEY_FILE_EXPOSED",
        file.string() + ": may be read by others or written by its group: chmod 600 it");
  }
  std::string text;
  char buffer[4096];
  while (text.size() <= kBytesMax) {
    const ssize_t size = ::read(fd.get(), buffer, sizeof(buffer));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return FileError("MASTER_KEY_FILE_UNREADABLE", file, errno);
    if (size == 0) return text;
    text.append(buffer, static_cast<size_t>(size));
  }
  return FailedPrecondition("MASTER_KEY_FILE_UNREADABLE", file.string() + ": longer than 64 KiB");
}

Status CreateSecretFile(const std::filesystem::path& file, std::string_view text) {
  EPIGRID_ASSIGN_OR_RETURN(const std::filesystem::path temporary, WriteBeside(file, text));
  // link() does not replace what is there, rename() would.
  const int linked = ::link(temporary.c_str(), file.c_str());
  const int error = errno;
  ::unlink(temporary.c_str());
  if (linked != 0 && error == EEXIST) {
    return FailedPrecondition("MASTER_KEY_FILE_EXISTS",
                              file.string() + " exists: it is never overwritten; add a key to it");
  }
  if (linked != 0) return FileError("MASTER_KEY_FILE_UNWRITABLE", file, error);
  return SyncDirectoryOf(file);
}

Status ReplaceSecretFile(const std::filesystem::path& file, std::string_view text) {
  EPIGRID_ASSIGN_OR_RETURN(const std::filesystem::path temporary, WriteBeside(file, text));
  if (::rename(temporary.c_str(), file.c_str()) != 0) {
    const int error = errno;
    ::unlink(temporary.c_str());
    return FileError("MASTER_KEY_FILE_UNWRITABLE", file, error);
  }
  return SyncDirectoryOf(file);
}

}  // namespace epigrid
