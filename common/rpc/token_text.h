// Opaque tokens as text: base64url without padding, of the bytes and four bytes of their hash, so
// that a token cut short or mistyped is noticed. Not a signature: whoever wants to can make one, so
// a token must not grant anything. For revision.h and page_token.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace epigrid {

// A longer text is no token of ours, in characters.
inline constexpr size_t kTokenTextMax = 4096;

std::string ToTokenText(std::string bytes);
// Nothing if it is no such text.
std::optional<std::string> FromTokenText(std::string_view text);

}  // namespace epigrid
