// KafkaWorker: a thread for those calls of librdkafka that block, one after the other.
//
// The destructor waits until all that was asked has been done. Threads: any.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace epigrid {

class KafkaWorker {
 public:
  KafkaWorker();
  ~KafkaWorker();
  KafkaWorker(const KafkaWorker&) = delete;
  KafkaWorker& operator=(const KafkaWorker&) = delete;

  void Do(std::function<void()> job);

 private:
  void Run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace epigrid
