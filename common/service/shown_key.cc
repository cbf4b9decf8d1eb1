#include "common/service/shown_key.h"

#include <fmt/format.h>

#include <cstdint>
#include <iterator>

namespace epigrid {

std::string ShownKey(std::string_view key) {
  std::string shown;
  for (const char byte : key) {
    if (byte > ' ' && byte <= '~') {
      shown += byte;
    } else {
      fmt::format_to(std::back_inserter(shown), "\\x{:02x}", static_cast<uint8_t>(byte));
    }
  }
  return shown;
}

}  // namespace epigrid
