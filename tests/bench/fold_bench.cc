// How many events a second a projector folds: a fold that reads and writes one cell of 60 bytes for
// each event, with a durable log and a view, each a redis-server of its own, 64 shards, records of
// 64 events. Cells are not in memory when they are met first: each round folds into a view of its
// own. The baseline is the same number of cells written by bare pipelined SETs. Counters:
// microseconds of CPU for each event, in this process and in the servers, which hold also on a
// machine that is busy with other things.
//
//   build/release/bin/fold_bench
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <hiredis/hiredis.h>
#include <sys/resource.h>

#include <thread>

#include "common/event_log/redis_leases.h"
#include "common/event_log/redis_streams_log.h"
#include "common/projector/commands.h"
#include "common/projector/emission.h"
#include "common/projector/projector_host.h"
#include "common/projector/redis_view.h"
#include "common/redis/client.h"
#include "common/redis/testing/redis_server.h"

namespace epigrid {
namespace {

using std::chrono::milliseconds;

constexpr size_t kEvents = 400'000;
constexpr size_t kEventsPerRecord = 64;
constexpr size_t kCellBytes = 60;

double CpuMicros(int who) {
  rusage usage{};
  getrusage(who, &usage);
  const auto micros = [](const timeval& time) {
    return 1e6 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec);
  };
  return micros(usage.ru_utime) + micros(usage.ru_stime);
}

// Reads and writes one cell for each event.
class OneWriteFold final : public Fold {
 public:
  std::string_view service() const override { return "bench"; }
  uint32_t version() const override { return 1; }
  std::vector<std::string> subscriptions() const override { return {}; }
  std::string Route(const Event&) const override { return {}; }
  std::vector<std::string> publications() const override { return {}; }
  std::vector<std::string> Entities(const Event& event) const override {
    return {event.membership_stated().person_id()};
  }
  void Needs(const Event& event, const CellReader&, NeedSet& needs) const override {
    if (event.has_membership_stated()) needs.String(Key(event));
  }
  void Apply(const Event& event, Cells& cells, Context& context) const override {
    if (!event.has_membership_stated()) return;
    const std::string key = Key(event);
    const std::string* before = cells.Get(key);
    std::string value = before == nullptr ? std::string(kCellBytes, 'v') : *before;
    value.replace(0, 20, fmt::format("{:020}", context.offset));
    cells.Set(key, std::move(value));
  }
  std::string TimerEntity(const Timer&) const override { return {}; }
  void TimerNeeds(const Timer&, const CellReader&, NeedSet&) const override {}
  void FireTimer(const Timer&, Cells&, Context&) const override {}

 private:
  static std::string Key(const Event& event) {
    return "person:" + event.membership_stated().person_id();
  }
};

// Servers, a log that holds the events already, and what all of it costs.
class Storage {
 public:
  explicit Storage(size_t events_per_person) : loop_("bench") {
    RedisStreamsLogOptions options;
    options.redis.address = log_server_->address();
    log_ = std::make_unique<RedisStreamsLog>(loop_, options);
    EPIGRID_CHECK(log_->Open({}).Wait().ok(), "the log opens");
    Fill(events_per_person);
    client_before_ = CpuMicros(RUSAGE_SELF);
  }
  RedisStreamsLog& log() { return *log_; }
  EventLoop& loop() { return loop_; }
  const RedisAddress& view_address() const { return view_server_->address(); }

  void Report(benchmark::State& state, size_t events) {
    state.SetItemsProcessed(static_cast<int64_t>(events));
    state.counters["client_us"] =
        (CpuMicros(RUSAGE_SELF) - client_before_) / static_cast<double>(events);
    // The view's server alone: the log's has taken the events in too.
    const double before = CpuMicros(RUSAGE_CHILDREN);
    view_server_.reset();
    state.counters["view_us"] = (CpuMicros(RUSAGE_CHILDREN) - before) / static_cast<double>(events);
  }

 private:
  void Fill(size_t events_per_person) {
    auto producer = log_->NewProducer();
    std::vector<Envelope> envelopes(kDefaultShardCount);
    std::vector<NewRecord> records;
    const size_t people = kEvents / events_per_person;
    for (size_t i = 0; i < kEvents; ++i) {
      const std::string person = fmt::format("person_{:026}c", i % people);
      const Shard shard = ShardOf(person, kDefaultShardCount);
      Event& event = *envelopes[shard].add_events();
      event.mutable_membership_stated()->set_person_id(person);
      event.mutable_membership_stated()->set_household_id("household_0123456789");
      if (static_cast<size_t>(envelopes[shard].events_size()) == kEventsPerRecord ||
          i + kDefaultShardCount * kEventsPerRecord >= kEvents) {
        envelopes[shard].set_schema_version(kSchemaVersion);
        records.push_back({{"bench.inbox", shard}, person, envelopes[shard].SerializeAsString()});
        envelopes[shard].Clear();
      }
      if (records.size() >= 200 || i + 1 == kEvents) {
        EPIGRID_CHECK(producer->Append(std::exchange(records, {})).Wait().ok(), "an append");
      }
    }
    for (const Envelope& envelope : envelopes) {
      EPIGRID_CHECK(envelope.events().empty(), "all events are in the log");
    }
  }

  double client_before_ = 0;
  std::unique_ptr<RedisServer> log_server_ = std::make_unique<RedisServer>(
      RedisServer::Options{.config = {"--appendonly", "yes", "--appendfsync", "always"}});
  std::unique_ptr<RedisServer> view_server_ = std::make_unique<RedisServer>();
  EventLoop loop_;
  std::unique_ptr<RedisStreamsLog> log_;
};

// Events of its argument for each person: 1 means that every cell is new, 10 that most are in
// memory.
void BM_Fold(benchmark::State& state) {
  Storage storage(static_cast<size_t>(state.range(0)));
  RedisClient redis(storage.loop(), {.address = storage.view_address()});
  RedisView view(redis, ViewKeys("bench"));
  RedisLeases leases(storage.loop(), redis, {.group = "bench", .instance = "bench"});
  const OneWriteFold fold;
  std::vector<TopicShard> inboxes;
  for (Shard shard = 0; shard < kDefaultShardCount; ++shard) {
    inboxes.push_back({"bench.inbox", shard});
  }
  const std::vector<Offset> ends = *storage.log().Ends(inboxes).Wait();
  for (auto _ : state) {
    ProjectorHost host(storage.loop(), storage.log(), view, leases, fold, {.instance = "bench"});
    host.Start();
    for (bool done = false; !done;) {
      std::this_thread::sleep_for(milliseconds(5));
      const ProjectorSnapshot snapshot = host.Snapshot().Wait();
      done = snapshot.shards.size() == ends.size();
      for (const ProjectedShard& shard : snapshot.shards) {
        done &= shard.applied >= ends[shard.shard];
      }
    }
    state.PauseTiming();
    host.Stop().Wait();
    state.ResumeTiming();
  }
  storage.Report(state, kEvents);
}
BENCHMARK(BM_Fold)->Arg(1)->Arg(10)->Iterations(1)->UseRealTime()->Unit(benchmark::kMillisecond);

// The baseline: as many cells by bare SETs, a thousand to a round trip, from a blocking client.
void BM_BareSetPipelined(benchmark::State& state) {
  constexpr size_t kPipelined = 1'000;
  RedisServer server;
  redisContext* redis = redisConnectUnix(server.address().unix_socket.c_str());
  const std::string value(kCellBytes, 'v');
  size_t sets = 0;
  for (auto _ : state) {
    for (size_t i = 0; i < kPipelined; ++i) {
      redisAppendCommand(redis, "SET {bench-%d}1:person:person_%026d %b",
                         static_cast<int>(i % kDefaultShardCount), static_cast<int>(sets + i),
                         value.data(), value.size());
    }
    for (size_t i = 0; i < kPipelined; ++i) {
      void* reply = nullptr;
      EPIGRID_CHECK(redisGetReply(redis, &reply) == REDIS_OK, redis->errstr);
      freeReplyObject(reply);
    }
    sets += kPipelined;
  }
  redisFree(redis);
  state.SetItemsProcessed(static_cast<int64_t>(sets));
}
BENCHMARK(BM_BareSetPipelined)->UseRealTime();

}  // namespace
}  // namespace epigrid

BENCHMARK_MAIN();
