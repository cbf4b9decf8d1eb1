// ProjectorHost, ShardTable, CellQuery and CommandLog together, on a real Redis.
#include "common/projector/projector_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "common/base/proto_time.h"
#include "common/event_log/redis_leases.h"
#include "common/event_log/redis_streams_log.h"
#include "common/projector/commands.h"
#include "common/projector/emission.h"
#include "common/projector/redis_view.h"
#include "common/projector/shard_projector.h"
#include "common/redis/client.h"
#include "common/redis/testing/redis_server.h"
#include "tests/fakes/counting_fold.h"
#include "tests/fakes/wait_until.h"

namespace epigrid {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint32_t kShards = 4;

// What one process has of one service's projector.
class HostProcess {
 public:
  HostProcess(RedisServer& server, const CountingFold& fold, std::string instance,
              std::string configuration = "first")
      : loop_("host"),
        redis_(loop_, {.address = server.address()}),
        log_(loop_, {.redis = {.address = server.address()}}),
        view_(redis_, ViewKeys(std::string(fold.service()))),
        leases_(loop_, redis_,
                {.group = std::string(fold.service()),
                 .instance = instance,
                 .shard_count = kShards,
                 .ttl = milliseconds(600)}) {
    EPIGRID_CHECK(log_.Open({.shard_count = kShards}).Wait().ok(), "the log opens");
    ProjectorHostOptions options;
    options.instance = std::move(instance);
    options.configuration = std::move(configuration);
    options.shard_count = kShards;
    options.drop_after = milliseconds(0);
    host_ = std::make_unique<ProjectorHost>(loop_, log_, view_, leases_, fold, options);
    host_->Start();
  }
  ~HostProcess() { Crash(); }

  void Stop() { std::move(host_->Stop()).Wait(); }
  // As if the process died: nothing is ended.
  void Crash() {
    loop_.RunOnLoop([this] { host_.reset(); });
  }
  ProjectorSnapshot Snapshot() { return std::move(host_->Snapshot()).Wait(); }
  RedisView& view() { return view_; }

 private:
  EventLoop loop_;
  RedisClient redis_;
  RedisStreamsLog log_;
  RedisView view_;
  RedisLeases leases_;
  std::unique_ptr<ProjectorHost> host_;
};

// What one process has of one service's API.
class ApiProcess {
 public:
  ApiProcess(RedisServer& server, const std::string& service)
      : loop_("api"),
        redis_(loop_, {.address = server.address()}),
        log_(loop_, {.redis = {.address = server.address()}}),
        shards_(loop_, redis_, {.address = server.address()},
                {.service = service, .shard_count = kShards}),
        cells_(redis_, shards_),
        commands_(log_, shards_, cells_, service, kShards) {
    EPIGRID_CHECK(log_.Open({.shard_count = kShards}).Wait().ok(), "the log opens");
    shards_.Start();
  }
  ~ApiProcess() { std::move(shards_.Stop()).Wait(); }

  Origin NewOrigin() { return {loop_.Now(), "test", "test", ""}; }
  std::vector<ShardPosition> Append(std::vector<Command> commands) {
    auto appended = Run(commands_.Append(NewOrigin(), std::move(commands))).Wait();
    EPIGRID_CHECK(appended.ok(), appended.status().ToString());
    return *appended;
  }
  std::vector<Decision> Decide(std::vector<Command> commands) {
    return Run(commands_.Decide(NewOrigin(), std::move(commands), loop_.Now() + seconds(30)))
        .Wait();
  }
  void AwaitRevision(std::vector<ShardPosition> revision) {
    const Status status =
        std::move(shards_.WaitFor(std::move(revision), loop_.Now() + seconds(30))).Wait();
    EXPECT_TRUE(status.ok()) << status.ToString();
  }
  // "" if there is none; the reason if it cannot be read.
  std::string Get(const std::string& entity, const std::string& cell) {
    auto value = Run(cells_.Get(entity, cell)).Wait();
    return value.ok() ? value->value_or("") : value.status().reason();
  }
  void AwaitCell(const std::string& entity, const std::string& cell, const std::string& value) {
    WaitUntil([&] { return Get(entity, cell) == value; });
    EXPECT_EQ(Get(entity, cell), value);
  }
  void AwaitLive() {
    WaitUntil([&] {
      for (Shard shard = 0; shard < kShards; ++shard) {
        if (!shards_.Live(shard).ok()) return false;
      }
      return true;
    });
  }

  ShardTable& shards() { return shards_; }
  CellQuery& cells() { return cells_; }
  RedisStreamsLog& log() { return log_; }
  RedisClient& redis() { return redis_; }

 private:
  EventLoop loop_;
  RedisClient redis_;
  RedisStreamsLog log_;
  ShardTable shards_;
  CellQuery cells_;
  CommandLog commands_;
};

class ProjectorHostTest : public ::testing::Test {
 protected:
  ProjectorHostTest() : api_(server_, "counting") {}

  std::unique_ptr<HostProcess> NewHost(const std::string& instance = "one") {
    return std::make_unique<HostProcess>(server_, fold_, instance);
  }
  // A record as an operator's tool appends it.
  Offset AppendRecord(Shard shard, Event event, const std::string& key = "") {
    Envelope envelope;
    envelope.set_schema_version(kSchemaVersion);
    *envelope.add_events() = std::move(event);
    auto producer = api_.log().NewProducer();
    auto appended =
        producer->Append({{{"counting.inbox", shard}, key, envelope.SerializeAsString()}}).Wait();
    EPIGRID_CHECK(appended.ok(), appended.status().ToString());
    return appended->front();
  }
  void Retry(Shard shard, Offset parked) {
    Event retry;
    retry.mutable_unparked()->set_offset(parked);
    AppendRecord(shard, std::move(retry));
  }
  static std::vector<Command> Meetings(int count) {
    std::vector<Command> commands;
    for (int i = 0; i < count; ++i) {
      const std::string household = "household" + std::to_string(i % 5);
      commands.push_back(
          {household, MembershipStated(household, "person" + std::to_string(i % 7))});
    }
    return commands;
  }
  void AwaitMeetings(ApiProcess& api, const std::string& prefix, int count) {
    for (int person = 0; person < 7; ++person) {
      const std::string id = "person" + std::to_string(person);
      const int want = count / 7 + (person < count % 7 ? 1 : 0);
      api.AwaitCell(id, prefix + id, std::to_string(want));
    }
  }
  size_t PublishedRecords(const std::string& topic) {
    size_t records = 0;
    for (Shard shard = 0; shard < kShards; ++shard) {
      records += api_.log().Read({topic, shard}, 0, 100'000).Wait()->size();
    }
    return records;
  }
  // Waits until nothing moves any more, and says what every shard's view holds.
  std::map<Shard, std::string> Digests(HostProcess& host) {
    std::map<Shard, std::string> digests;
    for (Shard shard = 0; shard < kShards; ++shard) {
      const Generation generation = *host.view().Live(shard).Wait().value();
      WaitUntil([&] {
        const auto before = host.view().Open(shard, generation).Wait();
        const auto recount = host.view().RecountDigests({{shard, generation}}).Wait();
        const auto after = host.view().Open(shard, generation).Wait();
        if (!before.ok() || !recount.ok() || !after.ok()) return false;
        if ((*before)->meta.applied != (*after)->meta.applied) return false;
        const Digest digest = recount->at({shard, generation}).digest;
        EXPECT_EQ(digest, (*after)->meta.digest) << "shard " << shard;
        digests[shard] = digest.ToHex();
        return true;
      });
    }
    return digests;
  }

  RedisServer server_;
  CountingFold fold_{"counting"};
  ApiProcess api_;
};

TEST_F(ProjectorHostTest, FoldsEveryEventOnceThroughTwoHops) {
  auto host = NewHost();
  api_.AwaitLive();
  api_.AwaitRevision(api_.Append(Meetings(300)));
  EXPECT_EQ(api_.Get("household0", "sent:household0"), "60");
  AwaitMeetings(api_, "met:", 300);
  EXPECT_TRUE(api_.shards().AsOf("household0").is_set());
  Digests(*host);
  host->Stop();
}

TEST_F(ProjectorHostTest, DecidesOnceAndAnswersAgain) {
  auto host = NewHost();
  api_.AwaitLive();
  std::vector<Decision> first = api_.Decide({{"p", UpdateRequested("p", "one", "r1")},
                                             {"p", UpdateRequested("p", "two", "r2")},
                                             {"q", UpdateRequested("q", "three", "r3")}});
  EXPECT_TRUE(first[0].outcome.status.ok()) << first[0].outcome.status.ToString();
  EXPECT_EQ(first[0].outcome.result, "accepted one");
  EXPECT_EQ(first[1].outcome.status.reason(), "TEXT_TAKEN");
  EXPECT_EQ(first[2].outcome.result, "accepted three");
  EXPECT_GT(first[2].at.offset, 0u);

  std::vector<Decision> again = api_.Decide(
      {{"p", UpdateRequested("p", "one", "r1")}, {"p", UpdateRequested("p", "other", "r1")}});
  EXPECT_EQ(again[0].outcome.result, "accepted one");
  EXPECT_EQ(again[1].outcome.status.reason(), "REQUEST_ID_REUSED");
  EXPECT_EQ(api_.Get("p", "text:p"), "one");
}

TEST_F(ProjectorHostTest, ADecisionThatCannotBeReadIsUnknownAndNotRefused) {
  auto host = NewHost();
  api_.AwaitLive();
  ASSERT_FALSE(api_.redis()
                   .Call({"ACL", "SETUSER", "blind", "on", ">secret", "~*", "&*", "+@all", "-mget"})
                   .Wait()
                   ->is_error());
  RedisAddress address = server_.address();
  address.user = "blind";
  address.password = "secret";
  EventLoop loop("blind");
  RedisClient redis(loop, {.address = address});
  const CellQuery cells(redis, api_.shards());
  CommandLog commands(api_.log(), api_.shards(), cells, "counting", kShards);
  const std::vector<Decision> decisions =
      epigrid::Run(commands.Decide(api_.NewOrigin(), {{"p", UpdateRequested("p", "one", "r1")}},
                                   loop.Now() + seconds(30)))
          .Wait();
  EXPECT_EQ(decisions[0].outcome.status.reason(), "OUTCOME_UNKNOWN");
  EXPECT_GT(decisions[0].at.offset, 0u);
  EXPECT_EQ(api_.Get("p", "text:p"), "one");
}

TEST_F(ProjectorHostTest, CopiesAForeignTopicOnceWhateverDies) {
  CountingFold follower("following", {fold_.topic()});
  ApiProcess following(server_, "following");
  auto host = NewHost();
  auto other = std::make_unique<HostProcess>(server_, follower, "one");
  api_.AwaitLive();
  for (int round = 0; round < 6; ++round) {
    api_.Append(Meetings(70));
    // Each dies wherever it is.
    (round % 2 == 0 ? host : other).reset();
    if (round % 2 == 0) {
      host = NewHost("incarnation" + std::to_string(round));
    } else {
      other =
          std::make_unique<HostProcess>(server_, follower, "incarnation" + std::to_string(round));
    }
  }
  AwaitMeetings(api_, "met:", 420);
  AwaitMeetings(following, "met:", 420);
  Digests(*host);
  Digests(*other);
}

TEST_F(ProjectorHostTest, ConfigurationChangeReachesEveryShard) {
  auto host = NewHost();
  api_.AwaitLive();
  const std::string first = ConfigurationVersion("first"), second = ConfigurationVersion("second");
  for (Shard shard = 0; shard < kShards; ++shard) {
    EXPECT_EQ(epigrid::Run(api_.cells().GetOfShard(shard, "configured")).Wait()->value_or(""),
              first);
  }
  host->Stop();
  host = std::make_unique<HostProcess>(server_, fold_, "one", "second");
  for (Shard shard = 0; shard < kShards; ++shard) {
    WaitUntil([&] {
      return epigrid::Run(api_.cells().GetOfShard(shard, "configured")).Wait()->value_or("") ==
             second;
    });
  }
}

TEST_F(ProjectorHostTest, LostViewIsBuiltAnewAndNothingIsPublishedAgain) {
  auto host = NewHost();
  api_.AwaitLive();
  api_.Append(Meetings(210));
  api_.Decide({{"p", UpdateRequested("p", "one", "r1")}});
  AwaitMeetings(api_, "met:", 210);
  const auto digests = Digests(*host);
  const size_t published = PublishedRecords(fold_.topic());
  EXPECT_GT(published, 0u);

  // The log's own keys stay: it is another Redis in production.
  const Reply keys = *api_.redis().Call({"KEYS", "{counting-*"}).Wait();
  for (const Reply& key : keys.elements) {
    ASSERT_TRUE(api_.redis().Call({"DEL", key.text}).Wait().ok());
  }
  const std::string lost = api_.Get("p", "text:p");
  EXPECT_TRUE(lost == "VIEW_REBUILDING" || lost == "one") << lost;

  AwaitMeetings(api_, "met:", 210);
  api_.AwaitCell("p", "text:p", "one");
  WaitUntil([&] { return Digests(*host) == digests; });
  EXPECT_EQ(PublishedRecords(fold_.topic()), published);
}

TEST_F(ProjectorHostTest, RebuildSwitchesToAnEqualViewAndDropsTheOld) {
  auto host = NewHost();
  api_.AwaitLive();
  api_.Append(Meetings(210));
  AwaitMeetings(api_, "met:", 210);
  const auto digests = Digests(*host);
  const size_t published = PublishedRecords(fold_.topic());
  for (Shard shard = 0; shard < kShards; ++shard) {
    Event request;
    request.mutable_rebuild_requested()->set_rebuild_id("test");
    AppendRecord(shard, std::move(request));
  }
  for (Shard shard = 0; shard < kShards; ++shard) {
    WaitUntil([&] { return *host->view().Live(shard).Wait() == 2u; });
    WaitUntil([&] { return !host->view().Open(shard, 1).Wait()->has_value(); });
    WaitUntil(
        [&] { return api_.log().ShardMetadata({"counting.inbox", shard}).Wait()->size() == 2; });
  }
  api_.Append(Meetings(70));
  AwaitMeetings(api_, "met:", 280);
  EXPECT_GE(PublishedRecords(fold_.topic()), published);
}

TEST_F(ProjectorHostTest, TimersFireByShardTime) {
  auto host = NewHost();
  api_.AwaitLive();
  api_.Decide({{"p", UpdateRequested("p", "timer:1", "r1")}});
  api_.AwaitCell("p", "fired:p", "1");
}

TEST_F(ProjectorHostTest, ACommandSaysWhomItConcernsWhereThatIsNotTheRecordsKey) {
  std::vector<std::string> together;  // of one shard
  for (int i = 0; together.size() < 2; ++i) {
    std::string household = "household" + std::to_string(i);
    if (ShardOf(household, kShards) == 0) together.push_back(std::move(household));
  }
  const Offset at = api_.Append({{together[0], MembershipStated(together[0], "p")},
                                 {together[1], MembershipStated(together[1], "p")},
                                 {together[0], MembershipStated(together[0], "p")}})
                        .front()
                        .offset;
  const LogRecord record = api_.log().Read({"counting.inbox", 0}, at - 1, 1).Wait()->front();
  Envelope envelope;
  ASSERT_TRUE(envelope.ParseFromString(record.value));
  EXPECT_EQ(record.key, together[0]);
  EXPECT_EQ(envelope.events(0).entity(), "");
  EXPECT_EQ(envelope.events(1).entity(), together[1]);
  EXPECT_EQ(envelope.events(2).entity(), "");
}

TEST_F(ProjectorHostTest, UnknownEventParksWithItsEntityAndRetries) {
  auto host = NewHost();
  api_.AwaitLive();
  const Shard shard = ShardOf("p", kShards);
  const Offset parked = AppendRecord(shard, OfUnknownKind("news"), "p");
  // Another entity of the shard goes on, this one waits.
  std::string other = "q";
  while (ShardOf(other, kShards) != shard) other += "q";
  std::vector<Decision> decisions = api_.Decide(
      {{"p", UpdateRequested("p", "one", "r1")}, {other, UpdateRequested(other, "two", "r2")}});
  EXPECT_EQ(decisions[1].outcome.result, "accepted two");
  WaitUntil([&] { return api_.shards().IsParked("p"); });
  EXPECT_FALSE(api_.shards().IsParked(other));
  decisions = api_.Decide({{"p", UpdateRequested("p", "one", "r1")}});
  EXPECT_EQ(decisions[0].outcome.status.reason(), "UNDER_REVIEW");
  EXPECT_EQ(api_.log()
                .ShardMetadata({"counting.inbox", shard})
                .Wait()
                ->at("parked:" + std::to_string(parked)),
            "UNKNOWN_EVENT");

  // Still unknown: it stays.
  Retry(shard, parked);
  api_.Decide({{other, UpdateRequested(other, "x", "r3")}});
  EXPECT_TRUE(api_.shards().IsParked("p"));
  Digests(*host);
}

TEST_F(ProjectorHostTest, RecordThatKillsItsOwnerParksAndIsFoldedWhenItNoLongerDoes) {
  auto host = NewHost();
  api_.AwaitLive();
  const Shard shard = ShardOf("p", kShards);
  const Offset poison = api_.Append({{"p", Registered("p", "STUCK")}}).front().offset;
  api_.Append({{"p", UpdateRequested("p", "behind", "r1")}});
  // At first it is not known which record kills; twice unclean at the same place, then alone three
  // times.
  int deaths = 0;
  for (int seen = 0;; ++deaths) {
    WaitUntil([&] { return fold_.times_stuck > seen || api_.shards().IsParked("p"); });
    if (fold_.times_stuck == seen) break;
    host.reset();
    // Of this one: it may have folded the record more than once, if its view was slow.
    seen = fold_.times_stuck;
    host = NewHost("incarnation" + std::to_string(deaths));
  }
  EXPECT_GE(deaths, 5);
  EXPECT_LE(deaths, 6);
  EXPECT_EQ(api_.Get("p", "text:p"), "") << "it waits behind";
  EXPECT_EQ(api_.log()
                .ShardMetadata({"counting.inbox", shard})
                .Wait()
                ->at("parked:" + std::to_string(poison)),
            "CRASHED");

  fold_.stuck = false;
  Retry(shard, poison);
  api_.AwaitCell("p", "met:p", "1");
  api_.AwaitCell("p", "text:p", "behind");
  WaitUntil([&] { return !api_.shards().IsParked("p"); });
  Digests(*host);
}

TEST_F(ProjectorHostTest, TwoHostsShareTheShardsAndHandThemOver) {
  auto one = NewHost("one");
  api_.AwaitLive();
  auto two = NewHost("two");
  WaitUntil([&] {
    return one->Snapshot().shards.size() == kShards / 2 &&
           two->Snapshot().shards.size() == kShards / 2;
  });
  api_.Append(Meetings(140));
  AwaitMeetings(api_, "met:", 140);
  one->Stop();
  WaitUntil([&] { return two->Snapshot().shards.size() == kShards; });
  api_.Append(Meetings(140));
  AwaitMeetings(api_, "met:", 280);
  two->Stop();
}

}  // namespace
}  // namespace epigrid
