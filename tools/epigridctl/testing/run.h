// RunTool: a command line in this process, and what it printed.
#pragma once

#include <sstream>
#include <string>
#include <vector>

#include "tools/epigridctl/command_line.h"
#include "tools/epigridctl/testing/fake_services.h"
#include "tools/epigridctl/testing/fake_waiter.h"

namespace epigrid::ctl {

struct Ran {
  ExitCode exit_code;
  std::string out;
  std::string err;
};

// Against the fake, in UTC.
inline Ran RunTool(const FakeServices& fake, FakeWaiter& waiter,
                   const std::vector<std::string>& arguments) {
  std::ostringstream out;
  std::ostringstream err;
  Console console{.out = out, .err = err, .waiter = waiter, .zone = absl::UTCTimeZone()};
  const ExitCode exit_code = RunCommandLine(
      arguments,
      [&fake](const std::string& name) {
        return name == "EPIGRID_SERVER" ? fake.address() : std::string();
      },
      console);
  return {exit_code, out.str(), err.str()};
}

inline Ran RunTool(const FakeServices& fake, const std::vector<std::string>& arguments) {
  FakeWaiter waiter;
  return RunTool(fake, waiter, arguments);
}

}  // namespace epigrid::ctl
