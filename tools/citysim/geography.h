// Where things lie in the city: grids of some 350 households, four to a community, communities laid
// in a square spiral around the centre. For city.cc and population.cc.
#pragma once

#include <cstdint>
#include <string>

#include "tools/citysim/city.h"
#include "tools/citysim/random.h"

namespace epigrid::citysim {

inline constexpr uint32_t kHouseholdsPerGrid = 350;

// Somewhere in the grid.
Point PointInGrid(uint32_t grid, Random& random);

// The square of the distance, in units that only compare.
int64_t SquaredDistance(Point a, Point b);

}  // namespace epigrid::citysim
