// epigridctl call, describe: any method of any server, by reflection.
#pragma once

#include <string>

#include "tools/epigridctl/connection.h"
#include "tools/epigridctl/console.h"

namespace epigrid::ctl {

// Prints the services of all servers and their methods' signatures.
Status ListMethods(const Servers& servers, const Console& console);

// Calls a method and prints its answers. `request` is JSON: the text itself, "@FILE", or "-" for
// standard input; empty: a request with nothing set. For a method that takes a stream: an array of
// requests. INVALID_ARGUMENT REQUEST_MALFORMED, NOT_FOUND FILE_UNREADABLE, and the errors of
// Schema::FindMethod and of the call.
Status CallMethod(const Servers& servers, const std::string& method, const std::string& request,
                  const Console& console);

// Prints a type, service or method as a .proto file has it. The errors of Schema::Describe.
Status DescribeType(const Servers& servers, const std::string& name, const Console& console);

}  // namespace epigrid::ctl
