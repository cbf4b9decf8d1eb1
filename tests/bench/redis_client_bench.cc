// How many small commands RedisClient carries in a second, over one connection to a real
// redis-server on this machine: what a view's reads and commits are made of. And by a key, as the
// view's users call it: on that server, and on a cluster of three primaries and their replicas.
//
//   build/release/bin/redis_client_bench
//
// items_per_second counts answered commands. The server works for as long as the client does:
// compare with `redis-benchmark -s <socket> -P <in flight> -c 1 get key`.
#include <benchmark/benchmark.h>

#include <string>
#include <thread>
#include <vector>

#include "common/redis/client.h"
#include "common/redis/cluster.h"
#include "common/redis/testing/redis_cluster_server.h"
#include "common/redis/testing/redis_server.h"

namespace epigrid {
namespace {

constexpr int kCommandsPerRound = 100'000;
constexpr Duration kByKeyDeadline = std::chrono::seconds(10);

struct Fixture {
  EventLoop loop{"redis"};
  RedisServer server;
  RedisClient redis{loop, {.address = server.address()}};

  Fixture() { redis.Call({"SET", "key", "a value of some bytes"}).Wait().value(); }
};

Task<int> GetTimes(RedisClient& redis, int times) {
  int answered = 0;
  for (int i = 0; i < times; ++i) {
    Result<Reply> reply = co_await redis.Call({"GET", "key"});
    answered += reply.value().text.empty() ? 0 : 1;
  }
  co_return answered;
}

// range(0) coroutines, each with one command under way: the steady state of a service.
void BM_GetFromCoroutines(benchmark::State& state) {
  Fixture fixture;
  const auto coroutines = static_cast<int>(state.range(0));
  const int times = kCommandsPerRound / coroutines;
  int64_t answered = 0;
  for (auto _ : state) {
    std::vector<Future<int>> counts;
    fixture.loop.RunOnLoop([&] {
      for (int i = 0; i < coroutines; ++i) counts.push_back(Run(GetTimes(fixture.redis, times)));
    });
    for (Future<int>& count : counts) answered += std::move(count).Wait();
  }
  state.SetItemsProcessed(answered);
}
BENCHMARK(BM_GetFromCoroutines)->Arg(1)->Arg(32)->Arg(256)->Arg(2048)->UseRealTime();

// As BM_GetFromCoroutines, by keys of 64 shards.
Task<int> GetTimesByKey(RedisKeyspace& redis, std::string key, int times) {
  int answered = 0;
  for (int i = 0; i < times; ++i) {
    std::vector<std::string> command = {"GET", key};
    Result<Reply> reply = co_await redis.Call(std::move(command), 1, kByKeyDeadline);
    answered += reply.value().text.empty() ? 0 : 1;
  }
  co_return answered;
}

void GetByKey(benchmark::State& state, EventLoop& loop, RedisKeyspace& redis) {
  const auto coroutines = static_cast<int>(state.range(0));
  const int times = kCommandsPerRound / coroutines;
  const auto key_of = [](int i) { return "{shard-" + std::to_string(i % 64) + "}key"; };
  for (int i = 0; i < 64; ++i) {
    redis.Call({"SET", key_of(i), "a value of some bytes"}, 1, kByKeyDeadline).Wait().value();
  }
  int64_t answered = 0;
  for (auto _ : state) {
    std::vector<Future<int>> counts;
    loop.RunOnLoop([&] {
      for (int i = 0; i < coroutines; ++i) {
        counts.push_back(Run(GetTimesByKey(redis, key_of(i), times)));
      }
    });
    for (Future<int>& count : counts) answered += std::move(count).Wait();
  }
  state.SetItemsProcessed(answered);
}

void BM_GetByKey(benchmark::State& state) {
  Fixture fixture;
  GetByKey(state, fixture.loop, fixture.redis);
}
BENCHMARK(BM_GetByKey)->Arg(32)->Arg(256)->UseRealTime();

void BM_GetByKeyOfACluster(benchmark::State& state) {
  RedisClusterServer server;
  EventLoop loop("redis");
  RedisCluster redis(loop, {.seeds = server.seeds()});
  GetByKey(state, loop, redis);
}
BENCHMARK(BM_GetByKeyOfACluster)->Arg(32)->Arg(256)->UseRealTime();

// range(0) other threads, each with up to 1,000 commands under way: handlers that call the loop.
void BM_GetFromThreads(benchmark::State& state) {
  Fixture fixture;
  const auto threads = static_cast<int>(state.range(0));
  constexpr int kInFlight = 1000;
  const int rounds = kCommandsPerRound / threads / kInFlight;
  for (auto _ : state) {
    std::vector<std::thread> callers;
    for (int t = 0; t < threads; ++t) {
      callers.emplace_back([&] {
        for (int round = 0; round < rounds; ++round) {
          std::vector<Future<Result<Reply>>> answers;
          answers.reserve(kInFlight);
          for (int i = 0; i < kInFlight; ++i) answers.push_back(fixture.redis.Call({"GET", "key"}));
          for (auto& answer : answers) benchmark::DoNotOptimize(std::move(answer).Wait().value());
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
  }
  state.SetItemsProcessed(state.iterations() * threads * rounds * kInFlight);
}
BENCHMARK(BM_GetFromThreads)->Arg(1)->Arg(2)->Arg(4)->UseRealTime();

}  // namespace
}  // namespace epigrid

BENCHMARK_MAIN();
