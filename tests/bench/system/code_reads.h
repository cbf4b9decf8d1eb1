// CodeReads: how fast codes are read, one at a time and a hundred at a time, beside a bare echo of
// the same messages.
//
//   CodeReads reads(world, people, {.round = 2s, .rounds = 5}, table);
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
#include "tests/bench/system/table.h"
#include "tests/bench/system/world.h"

namespace epigrid::bench {

struct CodeReadOptions {
  Duration round = std::chrono::seconds(3);
  int rounds = 5;
};

class CodeReads {
 public:
  CodeReads(World& world, const std::vector<std::string>& people, CodeReadOptions options,
            Table& table)
      : world_(world), people_(people), options_(options), table_(table) {}

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

  World& world_;
  const std::vector<std::string>& people_;
  const CodeReadOptions options_;
  Table& table_;
};

}  // namespace epigrid::bench
