// TaskGroup: Tasks of one owner that run side by side and end with it.
//
//   tasks.Begin(Deliver(message));
//
// Destroying the group destroys those that are suspended, and with them all that they await.
// Threads: one, on which the Promises that the Tasks wait for are set too.
#pragma once

#include <algorithm>
#include <list>

#include "common/base/task.h"

namespace epigrid::notification {

class TaskGroup {
 public:
  void Begin(Task<void> task) {
    if (tasks_.size() >= reap_at_) {
      tasks_.remove_if([](const Task<void>& begun) { return begun.done(); });
      reap_at_ = std::max<size_t>(64, 2 * tasks_.size());
    }
    Task<void>& begun = tasks_.emplace_back(std::move(task));
    begun.Start();
  }

 private:
  std::list<Task<void>> tasks_;
  size_t reap_at_ = 64;  // those that have ended are removed when there are so many
};

}  // namespace epigrid::notification
