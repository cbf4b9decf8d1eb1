// Bytes as hexadecimal digits.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace epigrid {

// Lower case.
std::string ToHex(std::string_view bytes);
// Either case; nullopt for an odd number of digits or what is none.
std::optional<std::string> FromHex(std::string_view digits);

}  // namespace epigrid
