#include "common/rpc/token_text.h"

#include <absl/strings/escaping.h>
#include <xxhash.h>

#include <array>
#include <cstdint>

namespace epigrid {
namespace {

constexpr size_t kHashBytes = 4;

std::array<char, kHashBytes> ShortHash(std::string_view bytes) {
  const uint64_t hash = XXH3_64bits(bytes.data(), bytes.size());
  std::array<char, kHashBytes> result;
  for (size_t i = 0; i < kHashBytes; ++i) result[i] = static_cast<char>(hash >> (8 * i));
  return result;
}

}  // namespace

std::string ToTokenText(std::string bytes) {
  const auto hash = ShortHash(bytes);
  bytes.append(hash.data(), hash.size());
  return absl::WebSafeBase64Escape({bytes.data(), bytes.size()});
}

std::optional<std::string> FromTokenText(std::string_view text, size_t text_max) {
  std::string bytes;
  if (text.size() > text_max) return std::nullopt;
  if (!absl::WebSafeBase64Unescape({text.data(), text.size()}, &bytes) || bytes.size() < kHashBytes)
    return std::nullopt;
  const std::string hash = bytes.substr(bytes.size() - kHashBytes);
  bytes.resize(bytes.size() - kHashBytes);
  const auto expected = ShortHash(bytes);
  if (hash != std::string_view(expected.data(), expected.size())) return std::nullopt;
  return bytes;
}

}  // namespace epigrid
