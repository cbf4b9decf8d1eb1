// Outbreaks: from a test to the last message of everybody who was at the same place, while
// check-ins come in at half the rate that is folded as it comes.
#pragma once

#include <string>
#include <vector>

#include "tests/bench/system/check_ins.h"
#include "tests/bench/system/measurement.h"

namespace epigrid::bench {

class Outbreaks {
 public:
  Outbreaks(const Measurement& measurement, CheckIns& check_ins, int contacts)
      : m_(measurement), check_ins_(check_ins), contacts_(contacts) {}
  void Measure();

 private:
  void MeasureOne(int number);

  const Measurement m_;
  CheckIns& check_ins_;
  const int contacts_;
  std::vector<double> all_;    // seconds from a test to each message
  std::vector<double> last_;   // to the last one of each
  std::vector<double> rates_;  // messages a second, from the first to the last
};

}  // namespace epigrid::bench
