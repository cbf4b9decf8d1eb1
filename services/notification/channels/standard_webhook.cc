#include "services/notification/channels/standard_webhook.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

namespace epigrid::notification {
namespace {

constexpr std::string_view kPrefix = "whsec_";
constexpr size_t kKeyBytesMin = 24;
constexpr size_t kKeyBytesMax = 64;

// OpenSSL decodes padding as zero bytes, and counts them.
std::vector<uint8_t> DecodeBase64(std::string_view text) {
  std::vector<uint8_t> bytes(text.size() / 4 * 3);
  const int size = EVP_DecodeBlock(bytes.data(), reinterpret_cast<const uint8_t*>(text.data()),
                                   static_cast<int>(text.size()));
  if (text.size() % 4 != 0 || size < 0) return {};
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  bytes.resize(static_cast<size_t>(size) - padding);
  return bytes;
}

}  // namespace

Result<WebhookSecret> WebhookSecret::Parse(std::string_view text) {
  const Status malformed = InvalidArgument(
      "WEBHOOK_SECRET_MALFORMED", "a webhook secret is 'whsec_' and the base64 of 24 to 64 bytes");
  if (!text.starts_with(kPrefix) || text.size() <= kPrefix.size() || text.size() > 128) {
    return malformed;
  }
  std::vector<uint8_t> key = DecodeBase64(text.substr(kPrefix.size()));
  if (key.size() < kKeyBytesMin || key.size() > kKeyBytesMax) return malformed;
  return WebhookSecret(std::move(key));
}

std::string WebhookSecret::Sign(std::string_view id, Time timestamp, std::string_view body) const {
  const std::string content = fmt::format("{}.{}.{}", id, timestamp.seconds(), body);
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest;
  unsigned int digest_size = 0;
  EPIGRID_CHECK(HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
                     reinterpret_cast<const uint8_t*>(content.data()), content.size(),
                     digest.data(), &digest_size) != nullptr,
                "HMAC-SHA-256 fails only for want of memory");
  std::array<uint8_t, EVP_MAX_MD_SIZE * 2> base64;
  const int size = EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(digest_size));
  return "v1," + std::string(reinterpret_cast<const char*>(base64.data()), size);
}

}  // namespace epigrid::notification
