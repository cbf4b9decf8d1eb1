#include "tests/bench/system/code_reads.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "common/base/proto_time.h"
#include "tests/bench/system/slot.h"

namespace epigrid::bench {
namespace {

namespace hc = health_code::v1;
using Async = hc::HealthCodeService::StubInterface::async_interface;

constexpr size_t kChannels = 2;
constexpr uint32_t kInFlight = 32;        // per channel
constexpr uint32_t kBatchesInFlight = 8;  // per channel
constexpr size_t kCodesPerBatch = 100;
constexpr size_t kEvidencePerCall = 1'000;
// Prime, so that neighbours in the order of the calls are strangers in the order of the people.
constexpr uint64_t kStride = 7'919;

}  // namespace

void CodeReads::Prepare() {
  const auto stub = hc::HealthCodeService::NewStub(m_.world.Channels(1).front());
  const Time sampled = SystemClock().Now() - std::chrono::hours(5);
  for (size_t begin = 0; begin < m_.people.size(); begin += kEvidencePerCall) {
    hc::BatchRecordEvidenceRequest request;
    for (size_t i = begin; i < std::min(begin + kEvidencePerCall, m_.people.size()); ++i) {
      hc::Evidence& evidence = *request.add_evidence();
      evidence.set_source("bench");
      evidence.set_source_id(std::to_string(i));
      evidence.set_person_id(m_.people[i]);
      evidence.mutable_test()->set_sampling_id(std::to_string(i));
      evidence.mutable_test()->set_method(hc::TEST_METHOD_NUCLEIC_ACID);
      evidence.mutable_test()->set_outcome(hc::TEST_OUTCOME_NEGATIVE);
      *evidence.mutable_test()->mutable_sampled_time() = ToProto(sampled);
    }
    grpc::ClientContext context;
    hc::BatchRecordEvidenceResponse response;
    const grpc::Status status = stub->BatchRecordEvidence(&context, request, &response);
    EPIGRID_CHECK(status.ok() && response.rejected().empty(), "the bench's evidence is good");
  }
  const Status quiet =
      m_.world.backend().AwaitQuiet(std::chrono::minutes(5), std::chrono::minutes(2));
  EPIGRID_CHECK(quiet.ok(), quiet.ToString());
}

CodeReads::Side CodeReads::MakeSide(const std::vector<std::shared_ptr<grpc::Channel>>& channels,
                                    bool is_echo) {
  Side side{.stubs = {}, .is_echo = is_echo};
  for (const auto& channel : channels) {
    side.stubs.push_back(hc::HealthCodeService::NewStub(channel));
  }
  return side;
}

LoadResult CodeReads::LoadGetCode(Side& side) {
  std::vector<Slot<hc::GetCodeRequest, hc::GetCodeResponse>> slots(kChannels * kInFlight);
  return RunClosedLoop(
      {.in_flight = kInFlight, .duration = m_.round}, kChannels,
      [&](size_t channel, size_t slot, uint64_t number, CallDone done) {
        slots[slot].request.set_person_id(m_.people[number * kStride % m_.people.size()]);
        Issue<Async>(*side.stubs[channel]->async(), &Async::GetCode, slots[slot], 1,
                     std::move(done));
      });
}

LoadResult CodeReads::LoadBatchGetCodes(Side& side, size_t codes_per_call) {
  std::vector<Slot<hc::BatchGetCodesRequest, hc::BatchGetCodesResponse>> slots(kChannels *
                                                                               kBatchesInFlight);
  return RunClosedLoop(
      {.in_flight = kBatchesInFlight, .duration = m_.round}, kChannels,
      [&](size_t channel, size_t slot, uint64_t number, CallDone done) {
        hc::BatchGetCodesRequest& request = slots[slot].request;
        request.clear_person_ids();
        for (size_t k = 0; k < codes_per_call; ++k) {
          request.add_person_ids(
              m_.people[(number * codes_per_call + k) * kStride % m_.people.size()]);
        }
        Issue<Async>(*side.stubs[channel]->async(), &Async::BatchGetCodes, slots[slot],
                     codes_per_call, std::move(done));
      });
}

void CodeReads::Round(Side& side, size_t codes_per_call, Rounds& rounds) {
  const auto server_seconds = [&] {
    return side.is_echo ? m_.world.echo_cpu_seconds() : m_.world.epigrid_cpu_seconds();
  };
  const double server = server_seconds();
  const double view = m_.world.view_cpu_seconds();
  const double load = CpuSeconds(getpid());
  const LoadResult result =
      codes_per_call == 1 ? LoadGetCode(side) : LoadBatchGetCodes(side, codes_per_call);
  EPIGRID_CHECK(result.failed == 0, "no call fails");
  const auto us_per_call = [&](double seconds) {
    return 1e6 * seconds / static_cast<double>(result.calls);
  };
  rounds.server_us.push_back(us_per_call(server_seconds() - server));
  rounds.view_us.push_back(us_per_call(m_.world.view_cpu_seconds() - view));
  rounds.load_us.push_back(us_per_call(CpuSeconds(getpid()) - load));
  rounds.rates.push_back(result.items_per_second());
  rounds.p50_ms.push_back(result.Percentile(0.5) * 1e3);
  rounds.p99_ms.push_back(result.Percentile(0.99) * 1e3);
}

void CodeReads::Measure() {
  Side echo = MakeSide(m_.world.EchoChannels(kChannels), true);
  Side epigrid = MakeSide(m_.world.Channels(kChannels), false);
  Rounds echoed, single, echoed_batches, batched;
  std::vector<double> shares, times, batch_shares, factors;
  LoadGetCode(echo);  // to warm up
  LoadGetCode(epigrid);
  for (int i = 0; i < m_.rounds; ++i) {
    Round(echo, 1, echoed);
    Round(epigrid, 1, single);
    Round(echo, kCodesPerBatch, echoed_batches);
    Round(epigrid, kCodesPerBatch, batched);
    shares.push_back(single.rates.back() / echoed.rates.back());
    times.push_back(single.p50_ms.back() / echoed.p50_ms.back());
    batch_shares.push_back(batched.rates.back() / echoed_batches.rates.back());
    factors.push_back(batched.rates.back() / single.rates.back());
  }
  const auto told = [](const Rounds& rounds, const char* unit) {
    return fmt::format("{:.0f} {}/s, p50 {:.2f} ms, p99 {:.2f} ms", Median(rounds.rates), unit,
                       Median(rounds.p50_ms), Median(rounds.p99_ms));
  };
  const auto cpu = [](const Rounds& rounds) {
    return fmt::format("{:.1f} us in the server, {:.1f} in the view's Redis, {:.1f} in the load",
                       Median(rounds.server_us), Median(rounds.view_us), Median(rounds.load_us));
  };
  m_.table.Add({"GetCode, 2 channels of 32 in flight", told(single, "calls"),
                fmt::format("bare gRPC echo {}: {:.0f} %, p50 {:.2f} times", told(echoed, "calls"),
                            Median(shares) * 100, Median(times)),
                "85 %, p50 within 1.5 times"});
  m_.table.Add({"CPU time of a GetCode", cpu(single), "echo: " + cpu(echoed), ""});
  m_.table.Add({fmt::format("BatchGetCodes of {}", kCodesPerBatch), told(batched, "codes"),
                fmt::format("{:.1f} times the unary codes/s", Median(factors)), "30 times"});
  // What such a batch could be at most on this machine.
  m_.table.Add({"bare gRPC echo of the same batches", told(echoed_batches, "codes"),
                fmt::format("{:.1f} times the unary codes/s; BatchGetCodes reaches {:.0f} % of it",
                            Median(factors) / Median(batch_shares), Median(batch_shares) * 100),
                ""});
  m_.table.Add({fmt::format("CPU time of a BatchGetCodes of {}", kCodesPerBatch), cpu(batched),
                "echo: " + cpu(echoed_batches), ""});
}

}  // namespace epigrid::bench
