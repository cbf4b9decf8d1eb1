// Which addresses only this machine can reach: what goes there needs no TLS.
#pragma once

#include <string_view>

namespace epigrid {

// Whether only this machine can reach it: "localhost:1", "127.0.0.1:1", "[::1]:1", "unix:/path".
bool IsLoopback(std::string_view address);

}  // namespace epigrid
