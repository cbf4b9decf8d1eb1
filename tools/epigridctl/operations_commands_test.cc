#include "tools/epigridctl/operations_commands.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/proto_time.h"
#include "tools/epigridctl/testing/run.h"

namespace epigrid::ctl {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
namespace pb = operations::v1;

pb::ShardStatus* AddShard(pb::ServiceStatus& service) {
  pb::ShardStatus* shard = service.add_shards();
  shard->set_shard(static_cast<uint32_t>(service.shards_size() - 1));
  shard->set_owner("node-1");
  shard->set_log_end(100);
  shard->set_applied(100);
  shard->set_generation(1);
  return shard;
}

pb::GetStatusResponse Two(const std::function<void(pb::ShardStatus&)>& change) {
  pb::GetStatusResponse response;
  pb::ServiceStatus& service = *response.add_services();
  service.set_service("identity");
  AddShard(service);
  change(*AddShard(service));
  return response;
}

TEST(StatusCommandTest, WhenAllIsWellTheSummaryIsAll) {
  FakeServices fake;
  fake.status = [] { return Two([](pb::ShardStatus&) {}); };
  const Ran ran = RunTool(fake, {"status"});
  EXPECT_EQ(ran.exit_code, ExitCode::kOk) << ran.err;
  EXPECT_EQ(ran.out,
            "service   shards  owners  behind  oldest  parked  building  state\n"
            "identity       2       1       0    0 ms       0         0  well\n");
  EXPECT_THAT(RunTool(fake, {"status", "--all"}).out,
              HasSubstr("identity      0  node-1     100  100  0 ms           1       0\n"));
}

TEST(StatusCommandTest, ShardsThatAreNotWellAreListedWithTheReason) {
  FakeServices fake;
  fake.status = [] {
    return Two([](pb::ShardStatus& shard) {
      shard.clear_owner();
      shard.set_applied(90);
      shard.set_event_age_ms(6100);
      shard.set_parked_count(1);
      shard.set_log_problem("LOG_CORRUPT: a foreign entry");
    });
  };
  const Ran ran = RunTool(fake, {"status"});
  EXPECT_EQ(ran.exit_code, ExitCode::kPartly);
  EXPECT_THAT(ran.out, HasSubstr("1 shard not well"));
  EXPECT_THAT(ran.out, HasSubstr("no owner; LOG_CORRUPT: a foreign entry; 1 record parked; "
                                 "behind for 6.1 s\n"));
  EXPECT_THAT(ran.out, Not(HasSubstr("node-1")));
  EXPECT_THAT(RunTool(fake, {"status", "--age", "7s"}).out, Not(HasSubstr("behind for")));
}

TEST(DigestsCommandTest, AViewThatWasChangedIsNotWell) {
  FakeServices fake;
  pb::ShardDigest& digest = *fake.digests.add_digests();
  digest.set_service("identity");
  digest.set_digest("aa");
  digest.set_expected_digest("aa");
  EXPECT_EQ(RunTool(fake, {"digests"}).exit_code, ExitCode::kOk);
  digest.set_expected_digest("bb");
  const Ran ran = RunTool(fake, {"digests"});
  EXPECT_EQ(ran.exit_code, ExitCode::kPartly);
  EXPECT_THAT(ran.out, HasSubstr("expected bb"));
}

TEST(DigestsCommandTest, TheViewsOfACityTakeLongerThanOtherCalls) {
  const FakeServices fake;
  RunTool(fake, {"digests"});
  EXPECT_GT(fake.GetTaken().time_left.at("GetDigests"), std::chrono::minutes(9));
  RunTool(fake, {"digests", "--timeout", "3m"});
  EXPECT_LE(fake.GetTaken().time_left.at("GetDigests"), std::chrono::minutes(3));
}

TEST(RebuildCommandTest, WaitsUntilTheNewViewIsInUse) {
  FakeServices fake;
  int asked = 0;
  fake.status = [&asked] {
    ++asked;
    return Two([&](pb::ShardStatus& shard) { shard.set_rebuilt_offset(asked < 3 ? 100 : 101); });
  };
  FakeWaiter waiter;
  const Ran ran = RunTool(fake, waiter, {"rebuild", "identity", "--shard", "1", "--wait"});
  EXPECT_EQ(ran.exit_code, ExitCode::kOk) << ran.err;
  EXPECT_EQ(ran.err, "0 of 1 shard rebuilt\n1 of 1 shard rebuilt\n");
  EXPECT_EQ(waiter.waits().size(), 2U);
}

TEST(RebuildCommandTest, WaitingCanBeStopped) {
  FakeServices fake;
  fake.status = [] { return Two([](pb::ShardStatus&) {}); };
  FakeWaiter waiter;
  waiter.on_wait = [&waiter] { waiter.Interrupt(); };
  const Ran ran = RunTool(fake, waiter, {"rebuild", "identity", "--shard", "1", "--wait"});
  EXPECT_EQ(ran.exit_code, ExitCode::kInterrupted);
  EXPECT_THAT(ran.err, HasSubstr("The rebuild goes on"));
}

TEST(RebuildCommandTest, AViewThatDiffersIsToldAndNotWaitedForAnyMore) {
  FakeServices fake;
  fake.status = [] {
    return Two([](pb::ShardStatus& shard) {
      shard.set_rebuilt_offset(101);
      shard.set_rebuild_differed(true);
    });
  };
  const Ran ran = RunTool(fake, {"rebuild", "identity", "--shard", "1", "--wait"});
  EXPECT_EQ(ran.exit_code, ExitCode::kPartly);
  EXPECT_THAT(ran.err, HasSubstr("REBUILD_DIFFERS"));
  EXPECT_THAT(ran.err, HasSubstr("1 shard of identity"));
  const Ran status = RunTool(fake, {"status"});
  EXPECT_EQ(status.exit_code, ExitCode::kPartly);
  EXPECT_THAT(status.out, HasSubstr("its last rebuild differed"));
}

TEST(RebuildCommandTest, WaitsNoLongerThanItIsTold) {
  FakeServices fake;
  fake.status = [] { return Two([](pb::ShardStatus&) {}); };
  FakeWaiter waiter;
  const Ran ran =
      RunTool(fake, waiter, {"rebuild", "identity", "--shard", "1", "--wait", "--timeout", "10s"});
  EXPECT_EQ(ran.exit_code, ExitCode::kFailed);
  EXPECT_THAT(ran.err, HasSubstr("DEADLINE_EXCEEDED REBUILD_PENDING"));
  EXPECT_EQ(waiter.waits().size(), 20U);
}

pb::LogEntry Entry(uint64_t offset) {
  pb::LogEntry entry;
  entry.set_offset(offset);
  *entry.mutable_append_time() = ToProto(Time::FromSeconds(1'668'126'600));
  entry.set_key("person_1");
  entry.set_envelope_json(R"({"schema_version":1})");
  return entry;
}

TEST(LogCommandTest, TailShowsTheLastRecords) {
  FakeServices fake;
  for (const uint64_t offset : {3, 5, 9}) fake.log.push_back(Entry(offset));
  const Ran ran = RunTool(fake, {"log", "tail", "identity.inbox", "0", "-n", "2"});
  EXPECT_EQ(ran.exit_code, ExitCode::kOk) << ran.err;
  EXPECT_EQ(ran.out,
            "         5  2022-11-11T00:30:00+00:00  person_1  {\"schema_version\":1}\n"
            "         9  2022-11-11T00:30:00+00:00  person_1  {\"schema_version\":1}\n");
}

TEST(LogCommandTest, TailShowsTheRecordsFromAnOffsetOn) {
  FakeServices fake;
  for (const uint64_t offset : {3, 5, 9}) fake.log.push_back(Entry(offset));
  const Ran ran =
      RunTool(fake, {"log", "tail", "identity.inbox", "0", "--from", "5", "-n", "1", "--json"});
  EXPECT_EQ(ran.exit_code, ExitCode::kOk) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("\"offset\":5"));
  EXPECT_THAT(ran.out, Not(HasSubstr("\"offset\":9")));
}

TEST(LogCommandTest, NothingIsSaidToBeNothing) {
  const FakeServices fake;
  const Ran ran = RunTool(fake, {"log", "tail", "identity.inbox", "0"});
  EXPECT_EQ(ran.exit_code, ExitCode::kOk);
  EXPECT_EQ(ran.out, "");
  EXPECT_EQ(ran.err, "identity.inbox shard 0 has no such record; its last is at 0.\n");
}

TEST(LogCommandTest, FollowingShowsWhatComesAndEachRecordOnce) {
  FakeServices fake;
  fake.log.push_back(Entry(3));
  FakeWaiter waiter;
  int waits = 0;
  waiter.on_wait = [&] {
    if (++waits == 1) fake.log.push_back(Entry(8));
    if (waits == 3) waiter.Interrupt();
  };
  const Ran ran =
      RunTool(fake, waiter, {"log", "tail", "identity.inbox", "0", "--follow", "--json"});
  EXPECT_EQ(ran.exit_code, ExitCode::kInterrupted);
  EXPECT_EQ(ran.out,
            "{\"offset\":3,\"append_time\":\"2022-11-11T00:30:00+00:00\",\"envelope\":"
            "{\"schema_version\":1}}\n"
            "{\"offset\":8,\"append_time\":\"2022-11-11T00:30:00+00:00\",\"envelope\":"
            "{\"schema_version\":1}}\n");
}

TEST(ParkedCommandTest, RecordsAreListedAndRetried) {
  FakeServices fake;
  EXPECT_EQ(RunTool(fake, {"parked", "list"}).out, "No record is parked.\n");
  pb::ParkedRecord& record = *fake.parked.add_records();
  record.set_service("identity");
  record.set_shard(4);
  record.set_offset(7);
  record.set_reason("CRASHED");
  for (const char* entity : {"a", "b", "c", "d"}) record.add_entities(entity);
  record.set_entity_count(1'000);
  EXPECT_EQ(RunTool(fake, {"parked", "list"}).out,
            "service   shard  offset  why      who waits\n"
            "identity      4       7  CRASHED  a, b, c and 997 more\n");
  EXPECT_EQ(RunTool(fake, {"parked", "retry", "identity", "4", "7"}).out,
            "Folded, and all that waited behind it.\n");
  const Ran wrong = RunTool(fake, {"parked", "retry", "identity", "4", "8"});
  EXPECT_EQ(wrong.exit_code, ExitCode::kFailed);
  EXPECT_THAT(wrong.err, HasSubstr("NOT_FOUND RECORD_NOT_PARKED"));
}

TEST(IgnoredCommandTest, EventsAreListedByTimeAndByWhomTheyConcern) {
  FakeServices fake;
  EXPECT_EQ(RunTool(fake, {"ignored", "list"}).out, "No event was ignored.\n");
  for (const uint64_t offset : {9, 7}) {
    pb::IgnoredEvent& event = fake.ignored.emplace_back();
    event.set_service("health_code");
    event.set_shard(static_cast<uint32_t>(10 - offset));
    event.set_offset(offset);
    event.set_event_index(2);
    event.set_reason("EVIDENCE_CONFLICT");
    *event.mutable_append_time() =
        ToProto(Time::FromSeconds(1'668'126'600 + static_cast<int64_t>(offset)));
    event.set_kind("evidence_observed");
    event.add_entities("person_" + std::to_string(offset));
  }
  fake.ignored.emplace_back().set_service("identity");  // the log has its record no more
  EXPECT_EQ(RunTool(fake, {"ignored", "list"}).out,
            "when                       service      shard  offset  event  why                what"
            "               whom\n"
            "-                          identity         0       0      0                     -"
            "                  -\n"
            "2022-11-11T00:30:07+00:00  health_code      3       7      2  EVIDENCE_CONFLICT"
            "  evidence_observed  person_7\n"
            "2022-11-11T00:30:09+00:00  health_code      1       9      2  EVIDENCE_CONFLICT"
            "  evidence_observed  person_9\n");
  const Ran ran = RunTool(fake, {"ignored", "list", "--entity", "person_9"});
  EXPECT_THAT(ran.out, HasSubstr("person_9"));
  EXPECT_THAT(ran.out, Not(HasSubstr("person_7")));
}

TEST(QuiesceCommandTest, SaysWhatIsTriedAgain) {
  FakeServices fake;
  EXPECT_EQ(RunTool(fake, {"quiesce"}).out, "Quiet: nothing is left to be done.\n");
  fake.quiet.set_backed_off_count(2);
  *fake.quiet.mutable_next_attempt_time() = ToProto(Time::FromSeconds(1'668'126'600));
  EXPECT_THAT(RunTool(fake, {"quiesce"}).out,
              HasSubstr("2 messages failed and will be tried again, first at "
                        "2022-11-11T00:30:00+00:00."));
  fake.before = [](const std::string&) {
    return DeadlineExceeded("NOT_QUIET", "not quiet yet: identity shard 3 is behind");
  };
  const Ran ran = RunTool(fake, {"quiesce", "--timeout", "5s"});
  EXPECT_EQ(ran.exit_code, ExitCode::kFailed);
  EXPECT_THAT(ran.err, HasSubstr("identity shard 3 is behind"));
}

TEST(QuiesceCommandTest, SeveralServersAreAskedUntilWorkHasPassedThroughAll) {
  const FakeServices one;
  const FakeServices two;
  const Ran ran =
      RunTool(one, {"quiesce", "--server", one.address() + ",identity=" + two.address()});
  EXPECT_EQ(ran.exit_code, ExitCode::kOk) << ran.err;
  EXPECT_EQ(one.GetTaken().calls.at("AwaitQuiet"), 3U);
  EXPECT_EQ(two.GetTaken().calls.at("AwaitQuiet"), 3U);
}

// At the default address there is nobody.
TEST(QuiesceCommandTest, WhereEachServiceIsNamedNobodyElseIsAsked) {
  const FakeServices one;
  const FakeServices two;
  const Ran ran = RunTool(
      one, {"quiesce", "--server", "health_code=" + one.address() + ",identity=" + two.address()});
  EXPECT_EQ(ran.exit_code, ExitCode::kOk) << ran.err;
}

}  // namespace
}  // namespace epigrid::ctl
