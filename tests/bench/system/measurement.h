// Measurement: what every part of the bench is given.
#pragma once

#include <string>
#include <vector>

#include "tests/bench/system/table.h"
#include "tests/bench/system/world.h"

namespace epigrid::bench {

struct Measurement {
  World& world;
  const std::vector<std::string>& people;
  Duration round = std::chrono::seconds(3);
  int rounds = 5;
  Table& table;
};

double Median(std::vector<double> values);

}  // namespace epigrid::bench
