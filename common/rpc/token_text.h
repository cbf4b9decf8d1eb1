// Opaque tokens as text: base64url without padding, of the bytes and four bytes of their hash, so
// that a token cut short or mistyped is noticed. Not a signature: whoever wants to can make one, so
// a token must not grant anything. For revision.h and page_token.h.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace epigrid {

std::string ToTokenText(std::string bytes);
// Nothing if it is no such text, or longer than what its giver makes, in characters.
std::optional<std::string> FromTokenText(std::string_view text, size_t text_max);

}  // namespace epigrid
