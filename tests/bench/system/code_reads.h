// CodeReads: how fast codes are read, one at a time and a hundred at a time, beside a bare echo of
// the same messages.
//
//   CodeReads reads(measurement);
//   reads.Prepare();
//   reads.Measure();          // adds its rows to the table
//
// Rounds take turns: echo, GetCode, echo of batches, BatchGetCodes. Beside the rates stands what a
// call costs each process in CPU time, which other work on the machine changes less than the rates.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "epigrid/health_code/v1/health_code.grpc.pb.h"
#include "tests/bench/system/closed_loop.h"
#include "tests/bench/system/measurement.h"

namespace epigrid::bench {

class CodeReads {
 public:
  explicit CodeReads(const Measurement& measurement) : m_(measurement) {}

  // Gives everybody a negative test: a code with something in it.
  void Prepare();
  void Measure();

 private:
  using Stub = health_code::v1::HealthCodeService::Stub;
  struct Side {
    std::vector<std::unique_ptr<Stub>> stubs;  // one for each channel
    bool is_echo = false;
  };
  // What was measured in one kind of round, a value for each.
  struct Rounds {
    std::vector<double> rates, p50_ms, p99_ms;
    std::vector<double> server_us, view_us, load_us;  // CPU time for each call
  };

  static Side MakeSide(const std::vector<std::shared_ptr<grpc::Channel>>& channels, bool is_echo);
  void Round(Side& side, size_t codes_per_call, Rounds& rounds);
  LoadResult LoadGetCode(Side& side);
  LoadResult LoadBatchGetCodes(Side& side, size_t codes_per_call);

  const Measurement m_;
};

}  // namespace epigrid::bench
