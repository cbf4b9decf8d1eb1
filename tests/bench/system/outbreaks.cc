#include "tests/bench/system/outbreaks.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <thread>

#include "common/base/ids.h"

namespace epigrid::bench {
namespace {

constexpr size_t kGatheredPerCall = 1'000;

}  // namespace

void Outbreaks::Measure() {
  for (int i = 0; i < m_.rounds; ++i) MeasureOne(std::to_string(i));
  std::sort(all_.begin(), all_.end());
  m_.table.Add(
      {fmt::format("test to message by {}, {} contacts, while {:.0f} check-ins/s come in",
                   m_.world.channel(), contacts_, check_ins_per_second_),
       fmt::format("p50 {:.0f} ms, p99 {:.0f} ms, last {:.0f} ms (median of {}), {} messages, "
                   "{:.0f}/s from the first to the last",
                   all_[all_.size() / 2] * 1e3, all_[all_.size() * 99 / 100] * 1e3,
                   Median(last_) * 1e3, m_.rounds, all_.size(), Median(rates_)),
       "", contacts_ > 10'000 ? "10,000 ms" : "p99 1,000 ms"});
  m_.table.Add(
      {"CPU time of a message of the last case, with the check-ins beside it", cpu_, "", ""});
}

std::vector<std::string> Outbreaks::Gather(const std::string& name) {
  demo::Backend& backend = m_.world.backend();
  std::vector<std::string> crowd = backend.RegisterCrowd(name, contacts_ + 1).value();
  const std::string setting = DeriveId(kSettingId, {"crowd", name});
  const Time gathered_at = SystemClock().Now() - std::chrono::hours(30);
  const std::span<const std::string> people(crowd);
  for (size_t begin = 0; begin < people.size(); begin += kGatheredPerCall) {
    const auto some = people.subspan(begin, std::min(kGatheredPerCall, people.size() - begin));
    const Status gathered = backend.Gather(setting, {some.begin(), some.end()}, gathered_at,
                                           fmt::format("{}-{}", name, begin));
    EPIGRID_CHECK(gathered.ok(), gathered.ToString());
  }
  m_.world.AwaitQuiet();
  return crowd;
}

// A place where everybody was at the same time, and one of them is tested positive.
void Outbreaks::MeasureOne(const std::string& name) {
  const std::vector<std::string> crowd = Gather(name);
  std::atomic<bool> stop{false};
  std::thread beside([&] {
    while (!stop && check_ins_per_second_ > 0) {
      check_ins_.LoadAt(check_ins_per_second_, std::chrono::seconds(1));
    }
  });
  const CpuUse used = m_.world.cpu();
  const Time begin = SystemClock().Now();
  const Time sampled = begin - std::chrono::hours(6);
  const auto told = m_.world.backend().RecordTest(crowd.front(), fmt::format("crowd-{}", name),
                                                  sampled, sampled, false);
  EPIGRID_CHECK(told.ok(), told.status().ToString());
  std::vector<Time> arrivals;
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::minutes(3);
  while (arrivals.size() < crowd.size() && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    arrivals = m_.world.ArrivalsSince(begin);
  }
  EPIGRID_CHECK(arrivals.size() >= crowd.size(), "everybody of the crowd is told in time");
  stop = true;
  beside.join();
  cpu_ = m_.world.cpu().PerItemSince(used, arrivals.size());
  for (const Time at : arrivals) {
    all_.push_back(std::chrono::duration<double>(at - begin).count());
  }
  last_.push_back(std::chrono::duration<double>(arrivals.back() - begin).count());
  rates_.push_back(static_cast<double>(arrivals.size()) /
                   std::chrono::duration<double>(arrivals.back() - arrivals.front()).count());
}

}  // namespace epigrid::bench
