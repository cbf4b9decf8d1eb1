// What operators see and do, on a real service: facts without effect, and parked records.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/event_log/redis_streams_log.h"
#include "common/projector/parking.h"
#include "common/projector/view_keys.h"
#include "common/redis/client.h"
#include "common/service/storage_config.h"
#include "tests/component/health_code_process.h"

namespace epigrid {
namespace {

using operations::v1::ParkedRecord;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr char kInbox[] = "health_code.inbox";

// The log, for what no service writes into it.
class OutsideLog {
 public:
  explicit OutsideLog(const Servers& servers)
      : log_(loop_, {.redis = {.address = servers.log.address()}}) {
    EPIGRID_CHECK(log_.Open({.shard_count = 2}).Wait().ok(), "the log opens");
  }
  Offset Append(Shard shard, std::string value, std::string key = "") {
    std::vector<NewRecord> records;
    records.push_back({.to = {kInbox, shard}, .key = std::move(key), .value = std::move(value)});
    return log_.NewProducer()->Append(std::move(records)).Wait().value().front();
  }
  std::vector<LogRecord> Records(Shard shard) {
    return log_.Read({kInbox, shard}, 0, 100).Wait().value();
  }
  // As its owner does when the record has killed it.
  void Park(Shard shard, Offset offset) {
    const std::string field = std::string(kParkedPrefix) + std::to_string(offset);
    EPIGRID_CHECK(
        log_.PutShardMetadata({kInbox, shard}, field, std::string(kParkedCrashed)).Wait().ok(),
        "the log takes metadata");
  }

 private:
  EventLoop loop_{"outside"};
  RedisStreamsLog log_;
};

std::vector<ParkedRecord> Parked(const HealthCodeProcess& process) {
  grpc::ClientContext context;
  operations::v1::ListParkedRecordsResponse response;
  const Status status = FromGrpcStatus(
      OperationsService::NewStub(process.channel())->ListParkedRecords(&context, {}, &response));
  // Before there is a view.
  EXPECT_TRUE(status.ok() || status.reason() == "VIEW_REBUILDING") << status.ToString();
  return {response.records().begin(), response.records().end()};
}

Status Retry(const HealthCodeProcess& process, Shard shard, Offset offset,
             milliseconds deadline = seconds(60)) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + deadline);
  operations::v1::RetryParkedRecordRequest request;
  request.set_service("health_code");
  request.set_shard(shard);
  request.set_offset(offset);
  operations::v1::RetryParkedRecordResponse response;
  return FromGrpcStatus(OperationsService::NewStub(process.channel())
                            ->RetryParkedRecord(&context, request, &response));
}

TEST(Operations, TellsWhyAFactHadNoEffect) {
  Servers servers;
  const HealthCodeProcess process(servers.Flags({}));
  const std::string person = MakeId(kPersonId, IdBytes{1});
  const std::string other = MakeId(kPersonId, IdBytes{2});
  process.Declare(person, 36.5);
  process.Declare(person, 38.5);
  process.Declare(other, 36.5);
  process.Declare(other, 38.5);
  WaitUntil([&] { return process.Ignored("").size() == 2; });
  const std::vector<operations::v1::IgnoredEvent> ignored = process.Ignored(person);
  ASSERT_EQ(ignored.size(), 1U);
  EXPECT_EQ(ignored[0].service(), "health_code");
  EXPECT_EQ(ignored[0].reason(), "EVIDENCE_CONFLICT");
  EXPECT_EQ(ignored[0].kind(), "evidence_observed");
  EXPECT_GT(ignored[0].offset(), 0U);
  EXPECT_TRUE(ignored[0].has_append_time());
  ASSERT_EQ(ignored[0].entities_size(), 1);
  EXPECT_EQ(ignored[0].entities(0), person);

  // A flood pushes out what is older, and is no longer than what a shard keeps.
  for (int i = 0; i < 70; ++i) process.Declare(person, 39 + i * 0.01);
  WaitUntil([&] {
    const auto last = process.Ignored(person);
    return last.size() == 64 && last.front().offset() > ignored[0].offset();
  });
}

TEST(Operations, ShowsARecordOfAStranger) {
  Servers servers;
  OutsideLog log(servers);
  const HealthCodeProcess process(servers.Flags({}));
  const Offset offset = log.Append(1, "\xff rubbish", "a\xff key");
  WaitUntil([&] { return !Parked(process).empty(); });
  const ParkedRecord parked = Parked(process).front();
  EXPECT_EQ(parked.offset(), offset);
  EXPECT_EQ(parked.reason(), "MALFORMED");
  ASSERT_EQ(parked.entities_size(), 1);
  EXPECT_EQ(parked.entities(0), "a\\xff\\x20key");

  grpc::ClientContext context;
  operations::v1::ReadLogRequest request;
  request.set_topic(kInbox);
  request.set_shard(1);
  request.set_after_offset(offset - 1);
  operations::v1::ReadLogResponse read;
  ASSERT_TRUE(
      OperationsService::NewStub(process.channel())->ReadLog(&context, request, &read).ok());
  ASSERT_FALSE(read.entries().empty());
  EXPECT_EQ(read.entries(0).key(), "a\\xff\\x20key");
  EXPECT_EQ(read.entries(0).envelope_json(), "");
}

Result<operations::v1::GetStatusResponse> GetStatus(const HealthCodeProcess& process) {
  grpc::ClientContext context;
  operations::v1::GetStatusResponse response;
  const Status status = FromGrpcStatus(
      OperationsService::NewStub(process.channel())->GetStatus(&context, {}, &response));
  if (!status.ok()) return status;
  return response;
}

TEST(Operations, DoesNotCallParkedNothingWhatCannotBeRead) {
  Servers servers;
  OutsideLog log(servers);
  const HealthCodeProcess process(servers.Flags({}));
  log.Append(1, "\xff rubbish");
  uint64_t generation = 0;
  WaitUntil([&] {
    const auto status = GetStatus(process);
    if (!status.ok() || status->services(0).shards(1).parked_count() != 1) return false;
    generation = status->services(0).shards(1).generation();
    return true;
  });
  // Of another type, so that it alone does not read.
  const std::string cell =
      ViewKeys("health_code", StorageConfig().log_key_prefix).GenerationPrefix(1, generation) +
      std::string(kParkedCell);
  EventLoop loop("outside");
  RedisClient view(loop, {.address = servers.view.address()});
  ASSERT_EQ(view.Call({"DEL", cell}).Wait().value().integer, 1);
  ASSERT_TRUE(view.Call({"LPUSH", cell, "no cell"}).Wait().ok());
  EXPECT_EQ(GetStatus(process).status().reason(), "VIEW_UNAVAILABLE");
}

TEST(Operations, AShardWhoseLogCannotBeReadHidesNoOther) {
  Servers servers;
  OutsideLog log(servers);
  const HealthCodeProcess process(servers.Flags({}));
  EventLoop loop("outside");
  RedisClient redis(loop, {.address = servers.log.address()});
  const std::string stream = StorageConfig().log_key_prefix + "stream:" + kInbox + "/1";
  ASSERT_TRUE(redis.Call({"XADD", stream, "5-1", "x", "y"}).Wait().ok());
  const Offset last = log.Append(0, "\xff rubbish");
  WaitUntil([&] {
    const auto status = GetStatus(process);
    return status.ok() && status->services(0).shards(0).log_end() >= last;
  });
  const auto status = GetStatus(process).value();
  EXPECT_EQ(status.services(0).shards(0).log_problem(), "");
  EXPECT_THAT(status.services(0).shards(1).log_problem(), testing::StartsWith("LOG_CORRUPT: "));
}

TEST(Operations, ATopicThatNobodyWritesIsNotRead) {
  Servers servers;
  const HealthCodeProcess process(servers.Flags({}));
  grpc::ClientContext context;
  operations::v1::ReadLogRequest request;
  request.set_topic("health_code.codes");
  operations::v1::ReadLogResponse read;
  const Status status = FromGrpcStatus(
      OperationsService::NewStub(process.channel())->ReadLog(&context, request, &read));
  EXPECT_EQ(status.reason(), "TOPIC_UNKNOWN");
  EXPECT_THAT(status.message(), ::testing::HasSubstr("health_code.inbox, health_code.test_result"));
}

TEST(Operations, ARetryTellsWhatCameOfIt) {
  Servers servers;
  OutsideLog log(servers);
  const HealthCodeProcess api(servers.Flags({"--instance-role=api"}));
  const std::string person = MakeId(kPersonId, IdBytes{1});
  api.Declare(person, 36.5);
  api.Declare(person, 38.5);
  const Shard shard = log.Records(0).empty() ? 1 : 0;
  const std::vector<LogRecord> declared = log.Records(shard);
  ASSERT_EQ(declared.size(), 2U);
  log.Park(shard, declared[0].offset);
  const Offset malformed = log.Append(shard, "no envelope");
  {
    const HealthCodeProcess projector(servers.Flags({"--instance-role=projector"}));
    WaitUntil([&] { return Parked(api).size() == 2; });
    const std::vector<ParkedRecord> parked = Parked(api);
    EXPECT_EQ(parked[0].offset(), declared[0].offset);
    EXPECT_EQ(parked[0].reason(), "CRASHED");
    EXPECT_EQ(parked[1].offset(), malformed);
    EXPECT_EQ(parked[1].reason(), "MALFORMED");

    EXPECT_TRUE(Retry(api, shard, declared[0].offset).ok());
    EXPECT_EQ(Parked(api).size(), 1U);
    const std::vector<operations::v1::IgnoredEvent> ignored = api.Ignored(person);
    ASSERT_EQ(ignored.size(), 1U) << "what waited behind it conflicts";
    EXPECT_EQ(ignored[0].offset(), declared[1].offset);

    const Status still = Retry(api, shard, malformed);
    EXPECT_EQ(still.code(), Code::kFailedPrecondition);
    EXPECT_EQ(still.reason(), "STILL_PARKED");
    EXPECT_THAT(still.message(), HasSubstr("MALFORMED"));
    EXPECT_EQ(Parked(api).size(), 1U);
    EXPECT_EQ(Retry(api, shard, declared[0].offset).reason(), "RECORD_NOT_PARKED");
  }
  // Nobody folds it.
  EXPECT_EQ(Retry(api, shard, malformed, milliseconds(500)).reason(), "RETRY_PENDING");
}

}  // namespace
}  // namespace epigrid
