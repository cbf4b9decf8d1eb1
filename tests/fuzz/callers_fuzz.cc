// A file of callers from anywhere must end in errors, never in a crash.
#include <cstddef>
#include <cstdint>

#include "common/rpc/callers.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const epigrid::Callers::Parsed parsed = epigrid::Callers::Parse("callers.yaml", text);
  if ((parsed.callers == nullptr) == parsed.errors.empty()) __builtin_trap();
  return 0;
}
