// WaitUntil: how tests on real servers wait: for a condition, never for a time.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

#include "common/base/status.h"

namespace epigrid {

// Looks every millisecond; aborts the test when the condition does not hold within `patience`.
inline void WaitUntil(const std::function<bool()>& condition,
                      std::chrono::seconds patience = std::chrono::seconds(60)) {
  const auto give_up = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    EPIGRID_CHECK(std::chrono::steady_clock::now() < give_up, "a test waited in vain");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace epigrid
