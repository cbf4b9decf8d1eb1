// How many records a second the embedded log takes and gives, beside what the same Redis takes from
// bare pipelined XADDs: a real redis-server with appendfsync always, records of 150 bytes over 64
// shards, appends of 100 records. Counters: microseconds of CPU for each record, in this process
// and in the server, which hold also on a machine that is busy with other things.
//
//   build/release/bin/event_log_bench
#include <benchmark/benchmark.h>
#include <hiredis/hiredis.h>
#include <sys/resource.h>

#include <deque>
#include <thread>

#include "common/event_log/redis_streams_log.h"
#include "common/redis/testing/redis_server.h"

namespace epigrid {
namespace {

using std::chrono::milliseconds;

constexpr size_t kValueBytes = 150;
constexpr size_t kRecordsPerAppend = 100;
constexpr size_t kAppendsInFlight = 64;

double CpuMicros(int who) {
  rusage usage{};
  getrusage(who, &usage);
  const auto micros = [](const timeval& time) {
    return 1e6 * static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec);
  };
  return micros(usage.ru_utime) + micros(usage.ru_stime);
}

// A log on a server of its own, and what they cost.
class Storage {
 public:
  Storage() : loop_("bench") {
    RedisStreamsLogOptions options;
    options.redis.address = server_->address();
    log_ = std::make_unique<RedisStreamsLog>(loop_, options);
    const Result<Done> opened = log_->Open({}).Wait();
    EPIGRID_CHECK(opened.ok() && log_->Durability().Wait()->keeps_acknowledged(), "a durable log");
  }
  RedisStreamsLog& log() { return *log_; }
  const RedisAddress& address() const { return server_->address(); }

  // Last: ends the server, whose CPU time is known then.
  void Report(benchmark::State& state, size_t records) {
    log_.reset();
    server_.reset();
    state.SetItemsProcessed(static_cast<int64_t>(records));
    const auto count = static_cast<double>(records);
    state.counters["client_us"] = (CpuMicros(RUSAGE_SELF) - client_before_) / count;
    state.counters["server_us"] = (CpuMicros(RUSAGE_CHILDREN) - server_before_) / count;
  }

 private:
  const double client_before_ = CpuMicros(RUSAGE_SELF);
  const double server_before_ = CpuMicros(RUSAGE_CHILDREN);
  std::unique_ptr<RedisServer> server_ = std::make_unique<RedisServer>(
      RedisServer::Options{.config = {"--appendonly", "yes", "--appendfsync", "always"}});
  EventLoop loop_;
  std::unique_ptr<RedisStreamsLog> log_;
};

std::vector<NewRecord> Batch(size_t records) {
  static size_t next = 0;
  std::vector<NewRecord> batch;
  for (size_t i = 0; i < records; ++i) {
    const auto shard = static_cast<Shard>(next++ % kDefaultShardCount);
    batch.push_back({{"bench.inbox", shard}, "person_0123456789", std::string(kValueBytes, 'v')});
  }
  return batch;
}

// Appends, a bounded number of them in flight, and counts what is acknowledged.
class Appender {
 public:
  explicit Appender(EventLog& log) : producer_(log.NewProducer()) {}
  void Append(std::vector<NewRecord> batch) {
    if (in_flight_.size() == kAppendsInFlight) AwaitOldest();
    in_flight_.push_back(producer_->Append(std::move(batch)));
  }
  void AwaitOldest() {
    const auto offsets = std::move(in_flight_.front()).Wait();
    in_flight_.pop_front();
    EPIGRID_CHECK(offsets.ok(), offsets.status().ToString());
    acknowledged_ += offsets->size();
  }
  size_t Finish() {
    while (!in_flight_.empty()) AwaitOldest();
    return acknowledged_;
  }

 private:
  std::unique_ptr<Producer> producer_;
  std::deque<Future<Result<std::vector<Offset>>>> in_flight_;
  size_t acknowledged_ = 0;
};

std::unique_ptr<Consumer> NewReader(EventLog& log) {
  std::unique_ptr<Consumer> consumer = log.NewConsumer();
  for (Shard shard = 0; shard < kDefaultShardCount; ++shard) {
    consumer->Assign({"bench.inbox", shard}, 0);
  }
  return consumer;
}

void ReadRecords(Consumer& consumer, size_t records) {
  for (size_t read = 0; read < records;) {
    const auto polled = consumer.Poll(milliseconds(100)).Wait();
    EPIGRID_CHECK(polled.ok(), polled.status().ToString());
    for (const Polled& shard : *polled) read += shard.records.size();
  }
}

// The baseline: XADDs of the same records, a thousand to a round trip, from a blocking client.
void BM_BareXaddPipelined(benchmark::State& state) {
  constexpr size_t kPipelined = 1'000;
  Storage storage;
  redisContext* redis = redisConnectUnix(storage.address().unix_socket.c_str());
  const std::string value(kValueBytes, 'v');
  size_t records = 0;
  for (auto _ : state) {
    for (size_t i = 0; i < kPipelined; ++i) {
      redisAppendCommand(redis, "XADD bare:%d 0-* k person_0123456789 v %b", i % kDefaultShardCount,
                         value.data(), value.size());
    }
    for (size_t i = 0; i < kPipelined; ++i) {
      void* reply = nullptr;
      EPIGRID_CHECK(redisGetReply(redis, &reply) == REDIS_OK, redis->errstr);
      freeReplyObject(reply);
    }
    records += kPipelined;
  }
  redisFree(redis);
  storage.Report(state, records);
}
BENCHMARK(BM_BareXaddPipelined)->UseRealTime();

void BM_Append(benchmark::State& state) {
  Storage storage;
  size_t records = 0;
  {
    Appender appender(storage.log());
    for (auto _ : state) appender.Append(Batch(kRecordsPerAppend));
    records = appender.Finish();
  }
  storage.Report(state, records);
}
BENCHMARK(BM_Append)->UseRealTime();

// One caller that waits for each record: what a lone command costs.
void BM_AppendOneByOne(benchmark::State& state) {
  Storage storage;
  std::unique_ptr<Producer> producer = storage.log().NewProducer();
  size_t records = 0;
  for (auto _ : state) {
    EPIGRID_CHECK(producer->Append(Batch(1)).Wait().ok(), "appended");
    ++records;
  }
  producer.reset();
  storage.Report(state, records);
}
BENCHMARK(BM_AppendOneByOne)->UseRealTime();

constexpr size_t kRecordsPerRound = 200'000;

void AppendRound(EventLog& log) {
  Appender appender(log);
  for (size_t i = 0; i < kRecordsPerRound / kRecordsPerAppend; ++i) {
    appender.Append(Batch(kRecordsPerAppend));
  }
  EPIGRID_CHECK(appender.Finish() == kRecordsPerRound, "all appended");
}

void BM_Read(benchmark::State& state) {
  Storage storage;
  AppendRound(storage.log());
  size_t records = 0;
  for (auto _ : state) {
    ReadRecords(*NewReader(storage.log()), kRecordsPerRound);
    records += kRecordsPerRound;
  }
  storage.Report(state, records);
}
BENCHMARK(BM_Read)->UseRealTime()->Unit(benchmark::kMillisecond);

// Both at once, in one process: a round ends when everything has been acknowledged and read.
void BM_AppendAndRead(benchmark::State& state) {
  Storage storage;
  std::unique_ptr<Consumer> consumer = NewReader(storage.log());
  size_t records = 0;
  for (auto _ : state) {
    std::thread reader([&] { ReadRecords(*consumer, kRecordsPerRound); });
    AppendRound(storage.log());
    reader.join();
    records += kRecordsPerRound;
  }
  consumer.reset();
  storage.Report(state, records);
}
BENCHMARK(BM_AppendAndRead)->UseRealTime()->Unit(benchmark::kMillisecond)->MinTime(3);

}  // namespace
}  // namespace epigrid

BENCHMARK_MAIN();
