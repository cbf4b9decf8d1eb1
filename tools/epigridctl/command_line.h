// RunCommandLine: what `epigridctl` does when it is called with these arguments.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tools/epigridctl/console.h"

namespace epigrid::ctl {

// `arguments` without the program's name. `environment` answers the value of a variable, empty if
// it is not set.
ExitCode RunCommandLine(const std::vector<std::string>& arguments,
                        const std::function<std::string(const std::string&)>& environment,
                        Console& console);

}  // namespace epigrid::ctl
