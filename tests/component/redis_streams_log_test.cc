// RedisStreamsLog on a real Redis: the contract, and what is its own.
#include "common/event_log/redis_streams_log.h"

#include <algorithm>
#include <functional>
#include <sstream>
#include <thread>

#include "common/redis/testing/redis_server.h"
#include "tests/component/event_log_contract.h"
#include "tests/fakes/wait_until.h"

namespace epigrid {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class RedisStreamsUnderTest final : public EventLogUnderTest {
 public:
  explicit RedisStreamsUnderTest(std::vector<std::string> config = {"--appendonly", "yes",
                                                                    "--appendfsync", "always"})
      : server_({.config = std::move(config)}), loop_("test"), redis_(loop_, Options().redis) {}

  RedisStreamsLogOptions Options() const {
    RedisStreamsLogOptions options;
    options.redis.address = server_.address();
    options.redis.deadline = seconds(2);
    options.append_deadline = seconds(2);
    options.key_prefix = "test:";
    return options;
  }

  std::unique_ptr<EventLog> NewLog() override { return NewLog(Options()); }
  std::unique_ptr<RedisStreamsLog> NewLog(RedisStreamsLogOptions options) {
    return std::make_unique<RedisStreamsLog>(loop_, std::move(options));
  }
  void RunUntil(const std::function<bool()>& condition) override { WaitUntil(condition); }

  bool SetFull(bool full) override {
    Command({"CONFIG", "SET", "maxmemory", full ? "1" : "0"});
    return true;
  }
  bool SetFrozen(bool frozen) override {
    frozen ? server_.Stop() : server_.Continue();
    return true;
  }
  bool CrashAndRestart() override {
    server_.Restart();
    return true;
  }
  bool SkipTo(const TopicShard& of, Offset offset) override {
    if (Command({"EXISTS", Key(of)}).integer == 0) {  // XSETID wants a stream
      Command({"XGROUP", "CREATE", Key(of), "g", "$", "MKSTREAM"});
    }
    Command({"XSETID", Key(of), EntryId(offset)});
    return true;
  }
  // As a server without fsync comes back: with a shorter stream.
  bool LoseTail(const TopicShard& of, Offset last_kept) override {
    const Reply kept = Command({"XRANGE", Key(of), "-", EntryId(last_kept)});
    Command({"DEL", Key(of)});
    for (const Reply& entry : kept.elements) {
      std::vector<std::string> add = {"XADD", Key(of), entry.elements[0].text};
      for (const Reply& field : entry.elements[1].elements) add.push_back(field.text);
      Command(std::move(add));
    }
    return true;
  }

  Reply Command(std::vector<std::string> arguments) {
    Result<Reply> reply = redis_.Call(std::move(arguments), seconds(30)).Wait();
    EPIGRID_CHECK(reply.ok() && !reply->is_error(),
                  reply.ok() ? reply->text : reply.status().ToString());
    return *reply;
  }
  // Of the entry that holds the record.
  static std::string EntryId(Offset offset) { return "0-" + std::to_string(offset / 1024); }
  static std::string Key(const TopicShard& of) {
    return "test:stream:" + of.topic + "/" + std::to_string(of.shard);
  }
  EventLoop& loop() { return loop_; }

 private:
  RedisServer server_;
  EventLoop loop_;
  RedisClient redis_;
};

std::unique_ptr<EventLogUnderTest> MakeRedisStreamsUnderTest() {
  return std::make_unique<RedisStreamsUnderTest>();
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(RedisStreams, EventLogContract,
                         testing::Values(&MakeRedisStreamsUnderTest));

namespace {

const TopicShard kInbox{"test.inbox", 0};

std::unique_ptr<RedisStreamsLog> MustOpen(RedisStreamsUnderTest& storage,
                                          RedisStreamsLogOptions options) {
  auto log = storage.NewLog(std::move(options));
  const Result<Done> opened = log->Open({}).Wait();
  EPIGRID_CHECK(opened.ok(), opened.status().ToString());
  return log;
}

TEST(RedisStreamsLog, SaysWhetherAcknowledgedRecordsSurviveAPowerCut) {
  RedisStreamsUnderTest always;
  const auto log = MustOpen(always, always.Options());
  const LogDurability kept = *log->Durability().Wait();
  EXPECT_TRUE(kept.keeps_acknowledged()) << kept.warning;
  EXPECT_EQ(kept.in_force, "appendonly yes, appendfsync always, no-appendfsync-on-rewrite no");
  always.Command({"CONFIG", "SET", "appendfsync", "no"});
  EXPECT_FALSE(log->Durability().Wait()->keeps_acknowledged());

  RedisStreamsUnderTest everysec({"--appendonly", "yes", "--appendfsync", "everysec"});
  const LogDurability a_second = *MustOpen(everysec, everysec.Options())->Durability().Wait();
  EXPECT_FALSE(a_second.keeps_acknowledged());
  EXPECT_THAT(a_second.warning, testing::HasSubstr("everysec"));

  RedisStreamsUnderTest rewrite(
      {"--appendonly", "yes", "--appendfsync", "always", "--no-appendfsync-on-rewrite", "yes"});
  EXPECT_THAT(MustOpen(rewrite, rewrite.Options())->Durability().Wait()->warning,
              testing::HasSubstr("no-appendfsync-on-rewrite"));

  RedisStreamsUnderTest memory({"--appendonly", "no"});
  EXPECT_THAT(MustOpen(memory, memory.Options())->Durability().Wait()->warning,
              testing::HasSubstr("appendonly yes"));
}

TEST(RedisStreamsLog, RefusesAServerThatEvicts) {
  RedisStreamsUnderTest storage({"--maxmemory-policy", "allkeys-lru"});
  const Result<Done> opened = storage.NewLog()->Open({}).Wait();
  EXPECT_EQ(opened.status().code(), Code::kFailedPrecondition);
  EXPECT_EQ(opened.status().reason(), "LOG_EVICTS");
  EXPECT_THAT(opened.status().message(), testing::HasSubstr("noeviction"));
}

TEST(RedisStreamsLog, RefusesAServerWhoseConfigurationItMayNotSee) {
  RedisStreamsUnderTest storage;
  storage.Command({"ACL", "SETUSER", "default", "-config"});
  const Result<Done> opened = storage.NewLog()->Open({}).Wait();
  EXPECT_EQ(opened.status().reason(), "LOG_CONFIG_UNREADABLE");
}

TEST(RedisStreamsLog, OpenSaysThatTheServerIsNotThere) {
  RedisStreamsUnderTest storage;
  RedisStreamsLogOptions options = storage.Options();
  options.redis.address.unix_socket += ".none";
  options.redis.deadline = milliseconds(50);
  const Result<Done> opened = storage.NewLog(options)->Open({}).Wait();
  EXPECT_EQ(opened.status().code(), Code::kUnavailable);
  EXPECT_EQ(opened.status().reason(), "LOG_UNAVAILABLE");
}

TEST(RedisStreamsLog, SystemsWithTheirOwnPrefixesShareAServer) {
  RedisStreamsUnderTest storage;
  const auto one = MustOpen(storage, storage.Options());
  RedisStreamsLogOptions options = storage.Options();
  options.key_prefix = "other:";
  const auto other = storage.NewLog(options);
  LogIdentity identity;
  identity.shard_count = 4;
  ASSERT_TRUE(other->Open(identity).Wait().ok());
  const auto producer = one->NewProducer();
  const auto appended = producer->Append({{kInbox, "k", "v"}}).Wait();
  ASSERT_TRUE(appended.ok());
  EXPECT_EQ(*one->End(kInbox).Wait(), appended->front());
  EXPECT_EQ(*other->End(kInbox).Wait(), 0u);
}

TEST(RedisStreamsLog, WritesSmallEntries) {
  RedisStreamsUnderTest storage;
  const auto log = MustOpen(storage, storage.Options());
  const auto producer = log->NewProducer();
  for (int i = 0; i < 20; ++i) {
    const auto offsets =
        producer->Append(std::vector<NewRecord>(100, {kInbox, "key", "value"})).Wait();
    EXPECT_EQ(offsets->back(), offsets->front() + 99);
  }
  const Reply usage =
      storage.Command({"MEMORY", "USAGE", RedisStreamsUnderTest::Key(kInbox), "SAMPLES", "0"});
  EXPECT_LT(usage.integer, 2'000 * 30) << "bytes of the server's memory";
}

TEST(RedisStreamsLog, CutsALargeFlushIntoEntries) {
  RedisStreamsUnderTest storage;
  RedisStreamsLogOptions options = storage.Options();
  options.entry_bytes_max = 10;
  const auto log = MustOpen(storage, options);
  const auto producer = log->NewProducer();
  std::vector<NewRecord> records;
  for (const char* value : {"12345", "6789", "0", "more than ten bytes", "a", "b"}) {
    records.push_back({kInbox, "", value});
  }
  const std::vector<Offset> offsets = *producer->Append(records).Wait();
  EXPECT_THAT(offsets, testing::SizeIs(6));
  EXPECT_TRUE(std::ranges::is_sorted(offsets, std::less_equal<>()));
  EXPECT_EQ(storage.Command({"XLEN", RedisStreamsUnderTest::Key(kInbox)}).integer, 3);
  const auto read = log->Read(kInbox, offsets[1], 10).Wait();
  ASSERT_EQ(read->size(), 4u);
  EXPECT_EQ(read->at(1).offset, offsets[3]);
  EXPECT_EQ(read->at(1).value, "more than ten bytes");
}

TEST(RedisStreamsLog, AnEntryHoldsABoundedNumberOfRecords) {
  RedisStreamsUnderTest storage;
  const auto log = MustOpen(storage, storage.Options());
  const auto appended =
      log->NewProducer()->Append(std::vector<NewRecord>(3'000, {kInbox, "", ""})).Wait();
  ASSERT_TRUE(appended.ok());
  EXPECT_EQ(storage.Command({"XLEN", RedisStreamsUnderTest::Key(kInbox)}).integer, 3);
  const auto read = log->Read(kInbox, 0, 10'000).Wait();
  ASSERT_EQ(read->size(), 3'000u);
  for (size_t i = 0; i < 3'000; ++i) EXPECT_EQ(read->at(i).offset, appended->at(i));
}

TEST(RedisStreamsLog, AShardThatIsNoStreamRefusesTheWholeFlush) {
  RedisStreamsUnderTest storage;
  const auto log = MustOpen(storage, storage.Options());
  storage.Command({"SET", RedisStreamsUnderTest::Key({"test.inbox", 1}), "not a stream"});
  const auto producer = log->NewProducer();
  const auto refused = producer->Append({{kInbox, "", "v"}, {{"test.inbox", 1}, "", "v"}}).Wait();
  EXPECT_EQ(refused.status().reason(), "LOG_UNAVAILABLE");
  EXPECT_EQ(*log->End(kInbox).Wait(), 0u);
}

TEST(RedisStreamsLog, AForeignEntryStopsItsShardOnly) {
  RedisStreamsUnderTest storage;
  const auto log = MustOpen(storage, storage.Options());
  storage.Command({"XADD", RedisStreamsUnderTest::Key(kInbox), "5-1", "x", "y"});
  const auto producer = log->NewProducer();
  const TopicShard sound{"test.inbox", 1};
  ASSERT_TRUE(producer->Append({{sound, "", "v"}}).Wait().ok());
  const auto consumer = log->NewConsumer();
  consumer->Assign(kInbox, 0);
  const auto polled = consumer->Poll(seconds(1)).Wait();
  EXPECT_EQ(polled.status().reason(), "LOG_CORRUPT");
  EXPECT_EQ(log->Read(kInbox, 0, 10).Wait().status().reason(), "LOG_CORRUPT");
  consumer->Assign(sound, 0);
  EXPECT_EQ(consumer->Poll(seconds(1)).Wait()->size(), 1u);
}

// As docs/playbooks/shard-stopped.md tells.
TEST(RedisStreamsLog, AForeignEntryCanBeTakenOut) {
  RedisStreamsUnderTest storage;
  const auto log = MustOpen(storage, storage.Options());
  const std::string key = RedisStreamsUnderTest::Key(kInbox);
  ASSERT_TRUE(log->NewProducer()->Append({{kInbox, "", "cut"}}).Wait().ok());
  const Offset first = log->NewProducer()->Append({{kInbox, "", "a"}}).Wait()->front();
  ASSERT_TRUE(log->Cut(kInbox, first).Wait().ok());
  const Offset start = log->Starts({kInbox}).Wait()->front();
  storage.Command({"XADD", key, "*", "x", "y"});
  EXPECT_EQ(log->NewProducer()->Append({{kInbox, "", "b"}}).Wait().status().reason(),
            "OUTCOME_UNKNOWN");
  EXPECT_EQ(log->End(kInbox).Wait().status().reason(), "LOG_CORRUPT");
  storage.Command({"EVAL", R"(local copy = KEYS[1] .. ':copy'
    redis.call('DEL', copy)
    for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '0-0', '0-18446744073709551615')) do
      redis.call('XADD', copy, entry[1], unpack(entry[2]))
    end
    local of = function(key, field)
      local info = redis.call('XINFO', 'STREAM', key)
      for i = 1, #info, 2 do if info[i] == field then return info[i + 1] end end
    end
    local cut = of(KEYS[1], 'entries-added') - of(KEYS[1], 'length')
    redis.call('XSETID', copy, of(copy, 'last-generated-id'), 'ENTRIESADDED', of(copy, 'length') + cut)
    return redis.call('RENAME', copy, KEYS[1]))",
                   "1", key});
  const auto producer = log->NewProducer();
  ASSERT_TRUE(producer->Append({{kInbox, "", "c"}}).Wait().ok());
  EXPECT_EQ(log->Starts({kInbox}).Wait()->front(), start);
  const auto consumer = log->NewConsumer();
  consumer->Assign(kInbox, start);
  const auto polled = consumer->Poll(seconds(1)).Wait();
  ASSERT_TRUE(polled.ok()) << polled.status().ToString();
  EXPECT_THAT(polled->at(0).records, testing::SizeIs(2));
}

TEST(RedisStreamsLog, AnEntryWithANumberOrTimeThatTheLogNeverGivesIsForeign) {
  for (const auto& [id, time] :
       {std::pair("0-18446744073709551615", "1"), std::pair("0-18014398509481984", "1"),
        std::pair("0-9", "9223372036854775807"), std::pair("0-9", "now")}) {
    RedisStreamsUnderTest storage;
    const auto log = MustOpen(storage, storage.Options());
    ASSERT_TRUE(log->NewProducer()->Append({{kInbox, "", "v"}}).Wait().ok());
    const std::string key = RedisStreamsUnderTest::Key(kInbox);
    const Reply own = storage.Command({"XRANGE", key, "-", "+"});
    const std::string records = own.elements[0].elements[1].elements[1].text;
    storage.Command({"XADD", key, id, "r", records, "t", time});
    EXPECT_EQ(log->Read(kInbox, 0, 10).Wait().status().reason(), "LOG_CORRUPT")
        << id << " " << time;
  }
}

TEST(RedisStreamsLog, ADeletedRecordStopsItsReader) {
  RedisStreamsUnderTest storage;
  const auto log = MustOpen(storage, storage.Options());
  const auto producer = log->NewProducer();
  const Offset first = producer->Append({{kInbox, "", "a"}}).Wait()->front();
  for (const char* value : {"b", "c"}) {
    ASSERT_TRUE(producer->Append({{kInbox, "", value}}).Wait().ok());
  }
  storage.Command({"XDEL", RedisStreamsUnderTest::Key(kInbox), "0-2"});
  const auto consumer = log->NewConsumer();
  consumer->Assign(kInbox, first);
  EXPECT_EQ(consumer->Poll(seconds(1)).Wait().status().reason(), "LOG_START_MOVED");
}

// The id that the server gave to the connection of this name; 0: it has none.
int64_t ConnectionId(RedisStreamsUnderTest& storage, const std::string& name) {
  std::istringstream list(storage.Command({"CLIENT", "LIST"}).text);
  for (std::string line; std::getline(list, line);) {
    if (line.find(" name=" + name + " ") != std::string::npos) return std::stoll(line.substr(3));
  }
  return 0;
}

// Takes the next of the server's ids.
int64_t ConnectOnce(RedisStreamsUnderTest& storage) {
  RedisClient client(storage.loop(), storage.Options().redis);
  return client.Call({"CLIENT", "ID"}).Wait()->integer;
}

// A server counts its connections from 1 again: a reader that has the same number before and after
// a restart was connected anew all the same.
TEST(RedisStreamsLog, AServerThatLostItsTailIsFoundOutUnderTheSameConnectionId) {
  RedisStreamsUnderTest storage;
  RedisStreamsLogOptions options = storage.Options();
  options.redis.name = "test";
  const auto log = MustOpen(storage, options);
  const auto producer = log->NewProducer();
  const auto consumer = log->NewConsumer();
  const Offset kept = producer->Append({{kInbox, "", "kept"}}).Wait()->front();
  ASSERT_TRUE(producer->Append({{kInbox, "", "lost"}}).Wait().ok());
  consumer->Assign(kInbox, 0);
  for (int i = 0; i < 30; ++i) ConnectOnce(storage);
  ASSERT_EQ(consumer->Poll(seconds(1)).Wait()->front().records.size(), 2u);
  const int64_t id = ConnectionId(storage, "test-consumer");

  ASSERT_TRUE(storage.CrashAndRestart());
  WaitUntil([&] {
    return ConnectionId(storage, "test") != 0 && ConnectionId(storage, "test-consumer") != 0;
  });
  ASSERT_TRUE(storage.LoseTail(kInbox, kept));
  while (ConnectOnce(storage) < id - 1) continue;
  storage.Command({"CLIENT", "KILL", "ID", std::to_string(ConnectionId(storage, "test-consumer"))});
  WaitUntil([&] { return ConnectionId(storage, "test-consumer") == id; });
  EXPECT_EQ(consumer->Poll(milliseconds(500)).Wait().status().reason(), "LOG_CUT_SHORT");
}

TEST(RedisStreamsLog, WhatComesDuringAFlushGoesOutTogether) {
  RedisStreamsUnderTest storage;
  const auto log = MustOpen(storage, storage.Options());
  const auto producer = log->NewProducer();
  const auto scripts = [&] {
    const std::string stats = storage.Command({"INFO", "commandstats"}).text;
    const std::string name = "cmdstat_evalsha:calls=";
    const size_t found = stats.find(name);
    return found == std::string::npos ? 0 : std::stol(stats.substr(found + name.size()));
  };
  ASSERT_TRUE(producer->Append({{kInbox, "", "first"}}).Wait().ok());
  const auto before = scripts();
  std::vector<Future<Result<std::vector<Offset>>>> futures;
  for (int i = 0; i < 2'000; ++i) futures.push_back(producer->Append({{kInbox, "", "v"}}));
  for (auto& future : futures) ASSERT_TRUE(std::move(future).Wait().ok());
  EXPECT_LT(scripts() - before, 1'000);
}

TEST(RedisStreamsLog, ManyThreadsMayAppendWithOneProducer) {
  RedisStreamsUnderTest storage;
  const auto log = MustOpen(storage, storage.Options());
  const auto producer = log->NewProducer();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        EXPECT_TRUE(producer->Append({{kInbox, "", "v"}}).Wait().ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(log->Read(kInbox, 0, 1'000).Wait()->size(), 800u);
}

// What a step machine does: everything on the loop's thread, the producer destroyed by its own
// answer.
Task<int> UseOnLoop(RedisStreamsLog& log) {
  auto producer = log.NewProducer();
  auto consumer = log.NewConsumer();
  consumer->Assign(kInbox, 0);
  const auto appended = co_await producer->Append({{kInbox, "", "v"}});
  producer.reset();
  if (!appended.ok()) co_return -1;
  const auto polled = co_await consumer->Poll(seconds(1));
  consumer.reset();
  co_return polled.ok() ? static_cast<int>(polled->size()) : -1;
}

TEST(RedisStreamsLog, ServesAStepMachineOnTheLoopsThread) {
  RedisStreamsUnderTest storage;
  const auto log = MustOpen(storage, storage.Options());
  Promise<int> read;
  storage.loop().Post([&] {
    Spawn([](RedisStreamsLog& on, Promise<int> promise) -> Task<void> {
      promise.Set(co_await UseOnLoop(on));
    }(*log, read));
  });
  EXPECT_EQ(read.future().Wait(), 1);
}

TEST(RedisStreamsLog, GoesWhileCallsAreUnderWay) {
  RedisStreamsUnderTest storage;
  auto log = MustOpen(storage, storage.Options());
  auto producer = log->NewProducer();
  auto consumer = log->NewConsumer();
  consumer->Assign(kInbox, 0);
  auto poll = consumer->Poll(seconds(30));
  auto append = producer->Append({{kInbox, "", "v"}});
  auto ends = log->Ends({kInbox});
  producer.reset();
  consumer.reset();
  log.reset();
  EXPECT_TRUE(poll.ready());
  EXPECT_TRUE(append.ready());
  EXPECT_TRUE(ends.ready());
}

}  // namespace
}  // namespace epigrid
