#include "common/base/ids.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <climits>
#include <memory>

namespace epigrid {
namespace {

constexpr std::string_view kBase32 = "0123456789abcdefghjkmnpqrstvwxyz";
constexpr std::string_view kBase36 = "0123456789abcdefghijklmnopqrstuvwxyz";
constexpr size_t kBodySize = 26;

// By character: every call checks the ids in it. -1: not of base 36.
constexpr std::array<int8_t, 256> kValueInBase36 = [] {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (size_t i = 0; i < kBase36.size(); ++i) {
    values[static_cast<uint8_t>(kBase36[i])] = static_cast<int8_t>(i);
  }
  return values;
}();
constexpr std::array<bool, 256> kIsBase32 = [] {
  std::array<bool, 256> is{};
  for (char c : kBase32) is[static_cast<uint8_t>(c)] = true;
  return is;
}();

// ISO 7064, hybrid system MOD 37,36. The text consists of characters of base 36. Both remainders
// are taken by one subtraction at most, since a division for each would be most of the work.
char CheckCharacter(std::string_view text) {
  int product = 36;
  for (char c : text) {
    int sum = product + kValueInBase36[static_cast<uint8_t>(c)];  // 1 to 71, modulo 36, 36 for 0
    sum -= sum > 36 ? 36 : 0;
    product = 2 * sum;  // 2 to 72, modulo 37
    product -= product > 36 ? 37 : 0;
  }
  return kBase36[static_cast<size_t>((37 - product) % 36)];
}

// The 128 bits behind two zero bits, five at a time.
std::string Encode(const IdBytes& bytes) {
  std::string text;
  text.reserve(kBodySize + 1);
  uint32_t buffer = 0;
  int bits = 2;
  for (uint8_t byte : bytes) {
    buffer = buffer << 8 | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text.push_back(kBase32[buffer >> bits & 31]);
    }
  }
  return text;
}

Status Malformed(IdKind kind, std::string_view field) {
  return InvalidArgument("ID_MALFORMED", std::string(field) + " must be an id of the form " +
                                             std::string(kind.prefix()) +
                                             "_ and 27 characters, exactly as it was given out")
      .With("field", std::string(field));
}

}  // namespace

void OpenSslRandom::Fill(uint8_t* bytes, size_t size) {
  EPIGRID_CHECK(size <= INT_MAX && RAND_bytes(bytes, static_cast<int>(size)) == 1,
                "the system has no randomness");
}

std::string MakeId(IdKind kind, const IdBytes& bytes) {
  std::string body = Encode(bytes);
  body.push_back(CheckCharacter(body));
  std::string id;
  id.reserve(kind.prefix().size() + 1 + body.size());
  id.append(kind.prefix()).append("_").append(body);
  return id;
}

std::string DeriveId(IdKind kind, std::initializer_list<std::string_view> parts) {
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                  EVP_MD_CTX_free);
  bool ok = context != nullptr && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
  for (std::string_view part : parts) {
    uint8_t length[8];  // big endian
    for (int i = 0; i < 8; ++i)
      length[i] = static_cast<uint8_t>(uint64_t{part.size()} >> (56 - 8 * i));
    ok = ok && EVP_DigestUpdate(context.get(), length, sizeof(length)) == 1 &&
         EVP_DigestUpdate(context.get(), part.data(), part.size()) == 1;
  }
  uint8_t digest[EVP_MAX_MD_SIZE];
  ok = ok && EVP_DigestFinal_ex(context.get(), digest, nullptr) == 1;
  EPIGRID_CHECK(ok, "SHA-256 is part of every OpenSSL");
  IdBytes bytes;
  std::copy_n(digest, bytes.size(), bytes.begin());
  return MakeId(kind, bytes);
}

Status CheckId(IdKind kind, std::string_view id, std::string_view field) {
  const std::string_view prefix = kind.prefix();
  if (id.size() != prefix.size() + 1 + kBodySize + 1 || !id.starts_with(prefix) ||
      id[prefix.size()] != '_') {
    return Malformed(kind, field);
  }
  const std::string_view body = id.substr(prefix.size() + 1, kBodySize);
  if (!std::ranges::all_of(body, [](char c) { return kIsBase32[static_cast<uint8_t>(c)]; })) {
    return Malformed(kind, field);
  }
  if (body.front() > '7') return Malformed(kind, field);  // the two bits in front are zero
  if (id.back() != CheckCharacter(body)) return Malformed(kind, field);
  return OkStatus();
}

}  // namespace epigrid
