// Breaks: rules of the design that a run may break on purpose, to show that the simulation notices.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/simulation/world.h"

namespace epigrid {

struct Break {
  std::string_view rule;
  std::string_view what;
  void (*apply)(World& world);
};

const std::vector<Break>& AllBreaks();
// False: there is no such rule.
bool ApplyBreak(World& world, std::string_view rule);

}  // namespace epigrid
