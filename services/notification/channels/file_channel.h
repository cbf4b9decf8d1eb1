// FileChannel: appends messages to a file, one JSON object a line (payload.h), for a system that
// picks them up.
//
// A message is DELIVERED when its line is on disk: what has come meanwhile is written and synced
// together. FAILED with "FILE_<errno>" ("FILE_ENOSPC", "FILE_EACCES") otherwise; the lines of a
// group that failed midway may stand in the file, and come again under their ids. The file is made
// with mode 0600 where there is none, and opened anew for each group, so that it may be moved away
// at any time.
//
// Life cycle: the destructor writes what is queued. Threads: Send from any; Futures are set on a
// thread of its own.
#pragma once

#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>
#include <vector>

#include "services/notification/channels/channel.h"

namespace epigrid::notification {

class FileChannel final : public Channel {
 public:
  explicit FileChannel(std::filesystem::path path);
  ~FileChannel() override;

  Future<SendResult> Send(OutgoingMessage message) override;

 private:
  struct Queued {
    std::string line;
    Promise<SendResult> done;
  };

  void Run();

  const std::filesystem::path path_;
  std::mutex mutex_;  // for the next two
  std::vector<Queued> queue_;
  bool stopping_ = false;
  std::condition_variable changed_;
  std::thread thread_;
};

}  // namespace epigrid::notification
