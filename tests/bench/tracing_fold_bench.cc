// What the contact tracing fold costs on its busiest path: a check-in in its person's shard, and
// the stay that follows from it in its setting's shard. No log, no Redis; cells are warm.
//
//   build/release/bin/tracing_fold_bench
#include <benchmark/benchmark.h>

#include <memory>
#include <random>

#include "common/base/ids.h"
#include "common/base/proto_time.h"
#include "services/contact_tracing/domain/contact_tracing_fold.h"

namespace epigrid::contact_tracing {
namespace {

constexpr int kPeople = 2000;
constexpr int kSettings = 200;
constexpr int kCheckInsPerPerson = 8;

struct Prepared {
  std::vector<Event> check_ins;
};

Prepared Prepare() {
  Prepared prepared;
  std::mt19937_64 random(1);
  const Time begin = Time::FromSeconds(1'640'966'400);
  for (int i = 0; i < kCheckInsPerPerson; ++i) {
    for (int person = 0; person < kPeople; ++person) {
      Event event;
      v1::PresenceObservation& told = *event.mutable_presence_observed()->mutable_observation();
      told.set_source("venue-scan");
      told.set_source_id(std::to_string(i) + "-" + std::to_string(person));
      told.set_revision(1);
      told.set_person_id(DeriveId(kPersonId, {std::to_string(person)}));
      told.mutable_check_in()->set_setting_id(
          DeriveId(kSettingId, {std::to_string(random() % kSettings)}));
      *told.mutable_check_in()->mutable_start_time() =
          ToProto(begin + std::chrono::minutes(uint64_t{180} * i + random() % 120));
      prepared.check_ins.push_back(std::move(event));
    }
  }
  return prepared;
}

// One event with everything it needs absent or loaded, as in a warm projector.
void Fold(const ContactTracingFold& fold, const Event& event, Cells& cells,
          std::vector<Event>& emitted) {
  for (;;) {
    NeedSet needs;
    fold.Needs(event, cells, needs);
    const std::vector<CellRead> missing = cells.Missing(needs.reads());
    if (missing.empty()) break;
    for (const CellRead& read : missing) cells.Load(read, {});
  }
  Context context(0, 1, 0, Time{}, Time{});
  fold.Apply(event, cells, context);
  for (Emission& emission : context.emissions) emitted.push_back(std::move(emission.event));
}

void BM_CheckIn(benchmark::State& state) {
  const Prepared prepared = Prepare();
  const ContactTracingFold fold(64);
  int64_t events = 0;
  for (auto _ : state) {
    state.PauseTiming();
    auto cells = std::make_unique<std::pair<Cells, Cells>>();
    auto& [people, settings] = *cells;
    people.Begin({});
    settings.Begin({});
    std::vector<Event> stated;
    state.ResumeTiming();
    for (const Event& event : prepared.check_ins) Fold(fold, event, people, stated);
    std::vector<Event> none;
    for (const Event& event : stated) Fold(fold, event, settings, none);
    events += static_cast<int64_t>(prepared.check_ins.size() + stated.size());
    state.PauseTiming();
    cells.reset();
    stated.clear();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(events);
  state.counters["us_per_event"] = benchmark::Counter(
      static_cast<double>(events) / 1e6, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(BM_CheckIn)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace epigrid::contact_tracing

BENCHMARK_MAIN();
