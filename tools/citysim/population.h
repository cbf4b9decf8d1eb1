// Who lives with whom. For city.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/citysim/city.h"

namespace epigrid::citysim {

// Fills both with `count` people. Workplaces are not set.
void MakePopulation(uint64_t seed, uint32_t count, std::vector<Person>& people,
                    std::vector<Household>& households);

}  // namespace epigrid::citysim
