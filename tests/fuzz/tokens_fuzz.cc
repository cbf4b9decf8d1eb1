// Revisions, page tokens and trace headers are bytes of callers.
#include <cstddef>
#include <cstdint>

#include "common/log/redact.h"
#include "common/rpc/page_token.h"
#include "common/rpc/revision.h"
#include "common/rpc/token_text.h"
#include "common/rpc/trace.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  (void)epigrid::ParseRevision(text, "health_code", 64);
  (void)epigrid::ParsePageToken(text, 1);
  // The same bytes inside a well-formed envelope reach the parsers behind it.
  const std::string sealed = epigrid::ToTokenText(text);
  if (epigrid::FromTokenText(sealed, sealed.size()) != text) __builtin_trap();
  if (auto positions = epigrid::ParseRevision(sealed, "health_code", 64); positions.ok()) {
    if (epigrid::ParseRevision(epigrid::MakeRevision("health_code", *positions), "health_code", 64)
            .value() != *positions) {
      __builtin_trap();
    }
  }
  (void)epigrid::ParsePageToken(sealed, 1);
  if (!epigrid::TraceParent::IsValid(epigrid::TraceParent(text, 0, 0, 0).header()))
    __builtin_trap();
  (void)epigrid::Redact(text);
  return 0;
}
