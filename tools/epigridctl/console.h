// Console: what every command is given besides its own options: where it writes, how, and its sense
// of time.
#pragma once

#include <absl/time/time.h>

#include <ostream>

#include "tools/epigridctl/waiter.h"

namespace epigrid::ctl {

// How a program ends.
enum class ExitCode : int {
  kOk = 0,
  kFailed = 1,  // a call failed, or a file
  kUsage = 2,   // the command line is wrong
  kPartly = 3,  // done, but some rows were rejected, or something that was looked at is not well
  kInterrupted = 130,  // by SIGINT or SIGTERM
};

struct Console {
  std::ostream& out;
  std::ostream& err;
  Waiter& waiter;
  absl::TimeZone zone;           // in which times are shown
  bool json = false;             // for programs, not for people
  bool err_is_terminal = false;  // progress is one line that changes
};

}  // namespace epigrid::ctl
