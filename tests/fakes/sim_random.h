// SimRandom: the randomness of a simulation. The same seed gives the same run on every machine.
#pragma once

#include <cstdint>
#include <random>

#include "common/base/clock.h"
#include "common/base/ids.h"

namespace epigrid {

class SimRandom final : public RandomSource {
 public:
  explicit SimRandom(uint64_t seed) : engine_(seed) {}

  uint64_t Next() { return engine_(); }
  // From 0 to n - 1; n is not 0. The bias of the modulo does not matter here.
  uint64_t Below(uint64_t n) { return engine_() % n; }
  bool Chance(double probability) {
    return static_cast<double>(engine_() >> 11) * 0x1.0p-53 < probability;
  }
  // Both ends included.
  Duration Between(Duration min, Duration max) {
    return min + Duration(Below(static_cast<uint64_t>((max - min).count()) + 1));
  }
  template <typename Container>
  auto& Pick(Container& container) {
    return container[Below(container.size())];
  }
  template <typename Container>
  void Shuffle(Container& container) {
    for (size_t i = container.size(); i > 1; --i) std::swap(container[i - 1], container[Below(i)]);
  }
  void Fill(uint8_t* bytes, size_t size) override {
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(engine_());
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace epigrid
