// ChildProcess: a program of ours that runs beside the benchmark and ends with it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace epigrid::bench {

// The CPU time that a process has used so far, over all of its threads.
double CpuSeconds(pid_t process);

class ChildProcess {
 public:
  // `command[0]` is the program; what it prints goes to `log_file`. Aborts if it cannot be started.
  ChildProcess(const std::vector<std::string>& command, const std::string& log_file);
  // By SIGTERM, and waits.
  ~ChildProcess();
  // Until it ends by itself; its exit code.
  int Wait();
  pid_t pid() const { return pid_; }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

 private:
  pid_t pid_ = -1;
};

}  // namespace epigrid::bench
