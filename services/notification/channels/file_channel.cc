#include "services/notification/channels/file_channel.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "services/notification/channels/payload.h"

namespace epigrid::notification {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

// Whether the file's last line was cut off when it was written.
bool EndsWithinALine(int fd) {
  struct stat status;
  char last = '\n';
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size == 0) return false;
  return ::pread(fd, &last, 1, status.st_size - 1) == 1 && last != '\n';
}

// 0, or errno.
int AppendAndSync(const std::filesystem::path& path, std::string lines) {
  const Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (file.get() < 0) return errno;
  if (EndsWithinALine(file.get())) lines.insert(lines.begin(), '\n');
  for (size_t written = 0; written < lines.size();) {
    const ssize_t size = ::write(file.get(), lines.data() + written, lines.size() - written);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno;
    written += static_cast<size_t>(size);
  }
  return ::fdatasync(file.get()) == 0 ? 0 : errno;
}

}  // namespace

FileChannel::FileChannel(std::filesystem::path path) : path_(std::move(path)) {
  thread_ = std::thread([this] { Run(); });
}

FileChannel::~FileChannel() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

Future<SendResult> FileChannel::Send(OutgoingMessage message) {
  Queued queued{PayloadOf(message) + "\n", {}};
  Future<SendResult> done = queued.done.future();
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(queued));
  }
  changed_.notify_one();
  return done;
}

void FileChannel::Run() {
  while (true) {
    std::vector<Queued> group;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (queue_.empty()) return;
      group.swap(queue_);
    }
    std::string lines;
    for (const Queued& queued : group) lines += queued.line;
    SendResult result{.outcome = v1::ATTEMPT_OUTCOME_DELIVERED, .reason = ""};
    if (const int error = AppendAndSync(path_, std::move(lines)); error != 0) {
      const char* name = ::strerrorname_np(error);
      result.outcome = v1::ATTEMPT_OUTCOME_FAILED;
      result.reason = std::string("FILE_") + (name != nullptr ? name : "UNKNOWN");
    }
    for (const Queued& queued : group) queued.done.Set(result);
  }
}

}  // namespace epigrid::notification
