#include "tests/bench/system/check_ins.h"

#include <fmt/format.h>

#include <array>
#include <thread>

#include "common/base/ids.h"
#include "common/base/proto_time.h"

namespace epigrid::bench {
namespace {

namespace ct = contact_tracing::v1;
using SteadyClock = std::chrono::steady_clock;

constexpr size_t kSettings = 2'000;
constexpr size_t kPerCall = 1'000;

std::string SettingId(size_t i) { return DeriveId(kSettingId, {"bench", std::to_string(i)}); }

double SecondsSince(SteadyClock::time_point begin) {
  return std::chrono::duration<double>(SteadyClock::now() - begin).count();
}

}  // namespace

CheckIns::CheckIns(const Measurement& measurement) : m_(measurement) {
  for (size_t i = 0; i < kSettings; ++i) settings_.push_back(SettingId(i));
  if (m_.world.log().kafka() != nullptr) {
    const KafkaOptions& kafka = *m_.world.log().kafka();
    bare_ = std::make_unique<BareProducer>(kafka, std::chrono::milliseconds(5));
    bare_at_once_ = std::make_unique<BareProducer>(kafka, std::chrono::milliseconds(0));
  }
  MakeSettings();
}

void CheckIns::Measure() {
  // Other work on the machine changes it less than the rates.
  const CpuUse before = m_.world.cpu();
  const size_t check_ins = MeasureBurst();
  m_.table.Add({"CPU time of a check-in, from the call to both folds",
                m_.world.cpu().PerItemSince(before, check_ins), "", ""});
  MeasureOneByOne();
  MeasureSustained();
  MeasureRefold();
}

void CheckIns::MakeSettings() {
  const auto stub = ct::ContactTracingService::NewStub(m_.world.Channels(1).front());
  for (size_t begin = 0; begin < kSettings; begin += 1000) {
    ct::BatchUpdateSettingsRequest request;
    for (size_t i = begin; i < begin + 1000; ++i) {
      ct::Setting& setting = *request.add_settings();
      setting.set_setting_id(settings_[i]);
      setting.set_category(ct::SETTING_CATEGORY_SHOP);
    }
    grpc::ClientContext context;
    ct::BatchUpdateSettingsResponse response;
    EPIGRID_CHECK(stub->BatchUpdateSettings(&context, request, &response).ok(),
                  "the bench's settings are good");
  }
}

// No two are alike, spread over people, places and the last days. Of a person's check-ins one
// follows on the other after three hours, so that it has as many a day as people have; after ten
// days' worth of them come those that lie between.
void CheckIns::Fill(uint64_t first, size_t count, ct::BatchRecordPresencesRequest& request) {
  constexpr std::chrono::minutes kApart(173), kDays(10 * 24 * 60);
  const Time now = SystemClock().Now();
  const size_t people = m_.people.size();
  request.clear_observations();
  for (uint64_t unique = first; unique < first + count; ++unique) {
    const auto ago = static_cast<int64_t>(unique / people) * kApart;
    const Time start =
        now - std::chrono::minutes(5) - (ago % kDays + ago / kDays * std::chrono::minutes(11));
    ct::PresenceObservation& observation = *request.add_observations();
    observation.set_source("bench");
    observation.set_source_id(std::to_string(unique));
    observation.set_person_id(m_.people[unique % people]);
    ct::CheckIn& check_in = *observation.mutable_check_in();
    check_in.set_setting_id(settings_[unique * 31 % kSettings]);
    *check_in.mutable_start_time() = ToProto(start);
  }
}

void CheckIns::Issue(Stub& stub, RecordSlot& slot, size_t count, CallDone done) {
  Fill(next_.fetch_add(count), count, slot.request);
  using Async = ct::ContactTracingService::StubInterface::async_interface;
  bench::Issue<Async>(*stub.async(), &Async::BatchRecordPresences, slot, count, std::move(done));
}

std::vector<std::unique_ptr<CheckIns::Stub>> CheckIns::Stubs(size_t count) const {
  std::vector<std::unique_ptr<Stub>> stubs;
  for (const auto& channel : m_.world.Channels(count)) {
    stubs.push_back(ct::ContactTracingService::NewStub(channel));
  }
  return stubs;
}

LoadResult CheckIns::Load(uint32_t in_flight, size_t channels, size_t per_call, Duration duration) {
  const auto stubs = Stubs(channels);
  std::vector<RecordSlot> slots(channels * in_flight);
  LoadResult result =
      RunClosedLoop({.in_flight = in_flight, .duration = duration}, channels,
                    [&](size_t channel, size_t slot, uint64_t, CallDone done) {
                      Issue(*stubs[channel], slots[slot], per_call, std::move(done));
                    });
  told_ += result.items;
  return result;
}

LoadResult CheckIns::LoadAt(double per_second, Duration duration) {
  const auto stubs = Stubs(1);
  RecordSlot slot;
  const std::chrono::duration<double> pause(kPerCall / per_second);
  const auto begin = SteadyClock::now();
  LoadResult result;
  while (SteadyClock::now() - begin < duration) {
    std::this_thread::sleep_until(begin + std::chrono::duration_cast<SteadyClock::duration>(
                                              pause * static_cast<double>(result.calls)));
    std::atomic<int> state{0};
    Issue(*stubs.front(), slot, kPerCall, [&](bool ok, size_t) {
      state = ok ? 1 : 2;
      state.notify_one();
    });
    state.wait(0);
    EPIGRID_CHECK(state == 1, "no call fails");
    ++result.calls;
    result.items += kPerCall;
  }
  result.seconds = SecondsSince(begin);
  told_ += result.items;
  return result;
}

// As fast as they are taken in, in turns with the bare producer; then until all are folded. How
// many there were.
size_t CheckIns::MeasureBurst() {
  std::vector<double> rates, p99s, bare;
  size_t items = 0, failed = 0;
  double busy_seconds = 0;
  for (int i = 0; i < m_.rounds; ++i) {
    if (bare_ != nullptr) bare.push_back(bare_->Stream(m_.round).items_per_second());
    const auto begin = SteadyClock::now();
    const LoadResult burst = Load(4, 2, kPerCall, m_.round);
    m_.world.AwaitQuiet();
    busy_seconds += SecondsSince(begin);
    rates.push_back(burst.items_per_second());
    p99s.push_back(burst.Percentile(0.99));
    items += burst.items;
    failed += burst.failed;
  }
  const double rate = Median(rates);
  m_.table.Add(
      {fmt::format("check-ins in batches of {}, {}", kPerCall, m_.world.log().Acknowledges()),
       fmt::format("{:.0f} acknowledged/s, p99 {:.0f} ms, {} refused (median of {})", rate,
                   Median(p99s) * 1e3, failed, m_.rounds),
       bare.empty() ? ""
                    : fmt::format("bare producer {:.0f} records/s: {:.0f} %", Median(bare),
                                  100 * rate / Median(bare)),
       bare.empty() ? "50,000/s" : "200,000/s, 40 %"});
  sustained_ = 0.9 * static_cast<double>(items) / busy_seconds;
  return items;
}

void CheckIns::MeasureOneByOne() {
  std::vector<double> p50s, p99s, bare_p50s, bare_p99s;
  for (int i = 0; i < m_.rounds; ++i) {
    if (bare_ != nullptr) {
      const LoadResult bare = bare_at_once_->OneByOne(m_.round);
      bare_p50s.push_back(bare.Percentile(0.5) * 1e3);
      bare_p99s.push_back(bare.Percentile(0.99) * 1e3);
    }
    const LoadResult own = Load(1, 1, 1, m_.round);
    p50s.push_back(own.Percentile(0.5) * 1e3);
    p99s.push_back(own.Percentile(0.99) * 1e3);
  }
  m_.table.Add({"one check-in after the other, each acknowledged",
                fmt::format("p50 {:.2f} ms, p99 {:.2f} ms", Median(p50s), Median(p99s)),
                bare_ == nullptr ? ""
                                 : fmt::format("bare producer p50 {:.2f} ms, p99 {:.2f} ms",
                                               Median(bare_p50s), Median(bare_p99s)),
                ""});
}

void CheckIns::MeasureSustained() {
  std::vector<double> ages;
  double paced = 0;
  std::thread load([&] { paced = LoadAt(sustained_, m_.round * 4).items_per_second(); });
  for (int i = 0; i < 8; ++i) {
    std::this_thread::sleep_for(m_.round / 2);
    ages.push_back(m_.world.backend().GetBehind().value().event_age_seconds);
  }
  load.join();
  m_.world.AwaitQuiet();
  m_.table.Add({"check-ins folded as they come, both shards",
                fmt::format("{:.0f}/s, event age {:.1f} s half way, {:.1f} s at the end", paced,
                            ages[3], ages.back()),
                "", "event age does not grow"});
}

void CheckIns::MeasureRefold() {
  const auto begin = SteadyClock::now();
  m_.world.EmptyViews();
  m_.world.AwaitQuiet();
  const auto told = static_cast<double>(told_.load());
  m_.table.Add({"check-ins folded anew into emptied views, both shards",
                fmt::format("{:.0f}/s ({:.0f} of them)", told / SecondsSince(begin), told), "",
                "50,000/s"});
}

}  // namespace epigrid::bench
