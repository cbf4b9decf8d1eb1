// epigridctl: the operator's tool. README.md says what it does.
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "tools/epigridctl/command_line.h"

int main(int argc, char** argv) {
  using epigrid::ctl::Console;
  epigrid::ctl::SignalWaiter waiter;
  Console console{.out = std::cout,
                  .err = std::cerr,
                  .waiter = waiter,
                  .zone = absl::LocalTimeZone(),
                  .err_is_terminal = isatty(STDERR_FILENO) == 1};
  const auto environment = [](const std::string& name) {
    const char* value = std::getenv(name.c_str());
    return std::string(value == nullptr ? "" : value);
  };
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  return static_cast<int>(epigrid::ctl::RunCommandLine(arguments, environment, console));
}
