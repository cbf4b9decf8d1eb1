// Whatever is typed as a document is refused with a reason, or has a canonical form that parses to
// itself; and no error repeats what was typed.
#include <cstdint>

#include "services/identity/domain/document_text.h"
#include "services/identity/domain/documents.h"

namespace {

using epigrid::Result;
using epigrid::identity::Document;
using epigrid::identity::DocumentInput;
using epigrid::identity::DocumentType;
using epigrid::identity::FoldDocumentText;
using epigrid::identity::ParseDocument;

constexpr std::chrono::sys_days kToday{std::chrono::days{19'000}};

// The next part of the input, up to a newline.
std::string TakePart(std::string_view& rest) {
  const size_t end = std::min(rest.find('\n'), rest.size());
  std::string part(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  DocumentInput input;
  input.type = static_cast<DocumentType>(rest[0] % 7);
  rest.remove_prefix(1);
  input.number = TakePart(rest);
  input.issuer = TakePart(rest);
  input.machine_readable_line = std::string(rest);

  Result<Document> document = ParseDocument(input, kToday);
  if (!document.ok()) {
    EPIGRID_CHECK(
        !document.status().reason().empty() && document.status().metadata().contains("field"),
        "an error without a reason or a field");
    const std::string folded = FoldDocumentText(input.number);
    EPIGRID_CHECK(
        folded.size() < 7 || document.status().message().find(folded) == std::string::npos,
        "an error repeats the number");
    return 0;
  }
  Result<Document> again = ParseDocument({.type = document->type,
                                          .number = document->number,
                                          .issuer = document->issuer,
                                          .machine_readable_line = {}},
                                         kToday);
  EPIGRID_CHECK(again.ok() && again->Canonical() == document->Canonical(),
                "a canonical form is not its own");
  return 0;
}
