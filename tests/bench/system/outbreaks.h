// Outbreaks: from a test to the last message of everybody who was at the same place, while
// check-ins come in at a share of the rate that is folded as it comes.
#pragma once

#include <string>
#include <vector>

#include "tests/bench/system/check_ins.h"
#include "tests/bench/system/measurement.h"

namespace epigrid::bench {

class Outbreaks {
 public:
  Outbreaks(const Measurement& measurement, CheckIns& check_ins, int contacts, double beside)
      : m_(measurement),
        check_ins_(check_ins),
        contacts_(contacts),
        check_ins_per_second_(check_ins.sustained() * beside) {}
  void Measure();

 private:
  // Who was there, once everything is folded.
  std::vector<std::string> Gather(const std::string& name);
  void MeasureOne(const std::string& name);

  const Measurement m_;
  CheckIns& check_ins_;
  const int contacts_;
  const double check_ins_per_second_;
  std::string cpu_;            // of a message of the last case
  std::vector<double> all_;    // seconds from a test to each message
  std::vector<double> last_;   // to the last one of each
  std::vector<double> rates_;  // messages a second, from the first to the last
};

}  // namespace epigrid::bench
