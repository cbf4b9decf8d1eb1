// SimActor: a process of a world other than those that fold: it dies and stalls like them.
#pragma once

#include "common/base/clock.h"

namespace epigrid {

class SimActor {
 public:
  virtual ~SimActor() = default;
  virtual void Start(Duration clock_error) = 0;  // if it does not run
  virtual void Crash() = 0;                      // if it runs
  virtual bool running() const = 0;
  virtual void StallFor(Duration duration) = 0;
  virtual void MendClock() = 0;
};

}  // namespace epigrid
