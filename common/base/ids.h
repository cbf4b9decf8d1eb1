// Opaque ids with a check character, so that a mistyped id is refused without a look-up.
//
// An id is a kind's prefix, an underscore, 26 characters of Crockford's base 32 in lower case (130
// bits, of which 128 are used) and one check character, any of 0-9a-z (ISO 7064 MOD 37,36 computed
// over the 26 characters, whose alphabet is a part of its own):
//
//   person_0c9k4m2x7...q3
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

#include "common/base/status.h"

namespace epigrid {

// Sixteen bytes, from randomness or from a hash of what the id stands for.
using IdBytes = std::array<uint8_t, 16>;

class IdKind {
 public:
  constexpr explicit IdKind(std::string_view prefix) : prefix_(prefix) {}
  constexpr std::string_view prefix() const { return prefix_; }

 private:
  std::string_view prefix_;
};

inline constexpr IdKind kPersonId{"person"};
inline constexpr IdKind kHouseholdId{"household"};
inline constexpr IdKind kSettingId{"setting"};
inline constexpr IdKind kCaseId{"case"};
inline constexpr IdKind kMessageId{"message"};
// A request that its client did not name.
inline constexpr IdKind kRequestId{"request"};

// Where random bytes come from: OpenSSL in production, a seeded generator in tests and simulations.
class RandomSource {
 public:
  virtual ~RandomSource() = default;
  virtual void Fill(uint8_t* bytes, size_t size) = 0;
  IdBytes NextIdBytes() {
    IdBytes bytes;
    Fill(bytes.data(), bytes.size());
    return bytes;
  }
};

// OpenSSL's generator. Threads: may be used from any.
class OpenSslRandom final : public RandomSource {
 public:
  void Fill(uint8_t* bytes, size_t size) override;
};

std::string MakeId(IdKind kind, const IdBytes& bytes);

// An id that is a function of what it stands for (SHA-256 of the parts, each preceded by its
// length): the same parts give the same id, which is how a fold, which has no randomness, makes
// ids.
std::string DeriveId(IdKind kind, std::initializer_list<std::string_view> parts);

// OK, or INVALID_ARGUMENT with reason ID_MALFORMED and metadata "field".
Status CheckId(IdKind kind, std::string_view id, std::string_view field);

}  // namespace epigrid
