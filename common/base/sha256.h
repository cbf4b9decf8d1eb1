#pragma once

#include <string>
#include <string_view>

namespace epigrid {

// SHA-256 (FIPS 180-4): 32 bytes.
std::string Sha256(std::string_view bytes);

}  // namespace epigrid
