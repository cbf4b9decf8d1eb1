// CallsUnderWay: what an EventLog's destructor waits for.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

namespace epigrid {

// Counts calls under way, so that what they use can be destroyed after the last of them.
class CallsUnderWay {
 public:
  // A call is under way until the last copy of this is gone.
  std::shared_ptr<void> Enter();
  void WaitForNone();

 private:
  std::mutex mutex_;
  std::condition_variable none_;
  size_t count_ = 0;
};

using CallToken = std::shared_ptr<void>;

}  // namespace epigrid
