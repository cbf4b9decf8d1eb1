// ChildProcess: a program of ours that runs beside the benchmark and ends with it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace epigrid::bench {

class ChildProcess {
 public:
  // `command[0]` is the program; what it prints goes to `log_file`. Aborts if it cannot be started.
  ChildProcess(const std::vector<std::string>& command, const std::string& log_file);
  // By SIGTERM, and waits.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

 private:
  pid_t pid_ = -1;
};

}  // namespace epigrid::bench
