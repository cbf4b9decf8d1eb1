// Random: the city's randomness, a function of a key alone.
//
//   Random random(seed, RandomUse::kDay, person, day);
//   if (random.Chance(120)) ...   // 120 in 1,000
//
// Every question ("what does this person do on this day?") has its own key, so answers do not
// depend on the order in which they are asked, and nothing needs to be kept. Only integers are
// computed with: the same seed gives the same bytes with every compiler, library and processor. Not
// for secrets.
#pragma once

#include <cstdint>

namespace epigrid::citysim {

// What a random number is for; part of the key, so that two questions about one person are
// independent.
enum class RandomUse : uint64_t {
  kHouseholds,
  kPerson,
  kWorkplaces,
  kPlaces,
  kFavourite,
  kTrait,
  kDay,
  kIntroductions,
  kInfection,
  kTransmission,
  kScreening,
};

class Random {
 public:
  constexpr explicit Random(uint64_t seed, RandomUse use, uint64_t a = 0, uint64_t b = 0)
      : state_(Mix(Mix(Mix(Mix(seed) + static_cast<uint64_t>(use)) + a) + b)) {}

  // SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
  constexpr uint64_t Next() {
    state_ += kGolden;
    return Finish(state_);
  }
  // From 0 to bound - 1; the deviation from even is below bound / 2^64. bound > 0.
  constexpr uint64_t Below(uint64_t bound) {
    return static_cast<uint64_t>((static_cast<Wide>(Next()) * bound) >> 64);
  }
  // From low to high, both included.
  constexpr int32_t Between(int32_t low, int32_t high) {
    return low + static_cast<int32_t>(Below(static_cast<uint64_t>(high - low) + 1));
  }
  constexpr bool Chance(uint32_t per_mille) { return Below(1000) < per_mille; }
  constexpr bool ChancePerMillion(uint64_t per_million) { return Below(1'000'000) < per_million; }

 private:
  __extension__ using Wide = unsigned __int128;
  static constexpr uint64_t kGolden = 0x9E3779B97F4A7C15;
  static constexpr uint64_t Finish(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  static constexpr uint64_t Mix(uint64_t z) { return Finish(z + kGolden); }

  uint64_t state_;
};

}  // namespace epigrid::citysim
