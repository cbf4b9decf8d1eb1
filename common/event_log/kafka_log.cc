#include "common/event_log/kafka_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "common/event_log/kafka_consumer.h"
#include "common/event_log/kafka_core.h"
#include "common/event_log/kafka_producer.h"
#include "common/kafka/topics.h"

namespace epigrid {
namespace {

using StringMap = std::map<std::string, std::string>;
using Offsets = std::vector<Offset>;

// On `questions`; may be called again after it failed.
Status OpenLog(KafkaCore& core, const LogIdentity& identity) {
  if (core.client == nullptr) {
    EPIGRID_ASSIGN_OR_RETURN(core.client, NewKafkaClient(RD_KAFKA_PRODUCER, core.options.kafka, {},
                                                         RD_KAFKA_EVENT_ERROR));
  }
  Status topics =
      EnsureKafkaTopics(core.client.get(), core.options.topic_care,
                        KafkaLogTopics(core.options, identity), core.options.kafka.deadline);
  if (!topics.ok()) return KafkaLoginRefused(core.client.get(), std::move(topics));
  if (core.metadata == nullptr) {
    EPIGRID_ASSIGN_OR_RETURN(KafkaClient metadata_reader, core.NewReader(RD_KAFKA_EVENT_NONE));
    core.metadata = std::make_unique<KafkaMetadata>(
        core.options, KafkaReader(std::move(metadata_reader), core.options.kafka.deadline));
  }
  EPIGRID_RETURN_IF_ERROR(core.metadata->CheckIdentity(identity));
  if (core.reader == nullptr) {
    EPIGRID_ASSIGN_OR_RETURN(KafkaClient client, core.NewReader(RD_KAFKA_EVENT_NONE));
    core.reader = std::make_unique<KafkaReader>(std::move(client), core.options.kafka.deadline);
  }
  // Topics that were made a moment ago: until every shard is led, so that the first records are not
  // refused by who is about to lead it.
  const std::vector<TopicShard> shards = AllShards(identity.topics, identity.shard_count);
  EPIGRID_RETURN_IF_ERROR(core.FetchBounds(shards, RD_KAFKA_OFFSET_END).status());
  core.shard_count = identity.shard_count;
  return OkStatus();
}

// What DeleteRecords takes may not lie beyond the end.
Status CutShard(const KafkaCore& core, const TopicShard& of, Offset first_kept) {
  using Request = KafkaOwned<rd_kafka_DeleteRecords_t, &rd_kafka_DeleteRecords_destroy>;
  static constexpr std::string_view kDoing = "cut a shard";
  EPIGRID_ASSIGN_OR_RETURN(const Offsets ends, core.FetchBounds({of}, RD_KAFKA_OFFSET_END));
  EPIGRID_ASSIGN_OR_RETURN(const Offsets starts, core.FetchBounds({of}, RD_KAFKA_OFFSET_BEGINNING));
  const Offset start = std::min(first_kept == 0 ? 0 : first_kept - 1, ends.front());
  if (start <= starts.front()) return OkStatus();
  const KafkaPartitions list = core.ListOf({of}, KafkaCore::PositionAfter(start));
  const Request request(rd_kafka_DeleteRecords_new(list.get()));
  rd_kafka_DeleteRecords_t* raw = request.get();
  const KafkaQueue queue(rd_kafka_queue_new(core.client.get()));
  const KafkaAdminOptions options = NewKafkaAdminOptions(
      core.client.get(), RD_KAFKA_ADMIN_OP_DELETERECORDS, core.options.kafka.deadline);
  rd_kafka_DeleteRecords(core.client.get(), &raw, 1, options.get(), queue.get());
  EPIGRID_ASSIGN_OR_RETURN(const KafkaEvent answer,
                           AwaitKafkaAnswer(queue.get(), core.options.kafka.deadline, kDoing));
  const rd_kafka_topic_partition_list_t* cut =
      rd_kafka_DeleteRecords_result_offsets(rd_kafka_event_DeleteRecords_result(answer.get()));
  for (int i = 0; i < cut->cnt; ++i) {
    if (cut->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return KafkaStatus(cut->elems[i].err, kDoing);
    }
  }
  return OkStatus();
}

bool CutMeanwhile(const Result<std::vector<LogRecord>>& read) {
  return !read.ok() && read.status().reason() == "LOG_START_MOVED";
}

Result<std::vector<LogRecord>> ReadAfter(const KafkaCore& core, const TopicShard& from,
                                         Offset after, size_t limit) {
  const std::string topic = core.TopicName(from.topic);
  EPIGRID_ASSIGN_OR_RETURN(const KafkaRange range, core.reader->Range(topic, from.shard));
  const Offset start = KafkaCore::StartOf(range);
  if (after < start) return LogStartMoved(from, start, after);
  auto read =
      core.reader->Read(topic, from.shard, KafkaCore::PositionAfter(after), range.end, limit);
  if (!CutMeanwhile(read)) return read;
  EPIGRID_ASSIGN_OR_RETURN(const KafkaRange moved, core.reader->Range(topic, from.shard));
  return LogStartMoved(from, KafkaCore::StartOf(moved), after);
}

// The newest records that fit are found from the end backwards, in ever larger steps.
Result<std::vector<LogRecord>> TryReadLast(const KafkaCore& core, const TopicShard& from,
                                           size_t limit) {
  const std::string topic = core.TopicName(from.topic);
  EPIGRID_ASSIGN_OR_RETURN(const KafkaRange range, core.reader->Range(topic, from.shard));
  std::vector<LogRecord> newest;  // newest first
  size_t bytes = 0;
  int64_t until = range.end;
  for (int64_t step = 16; until > range.begin && newest.size() < limit && bytes < kReadBytesMax;
       step *= 2) {
    const int64_t begin =
        std::max({range.begin, until - step, until - static_cast<int64_t>(limit - newest.size())});
    std::vector<LogRecord> part;
    for (int64_t position = begin; position < until;) {
      EPIGRID_ASSIGN_OR_RETURN(std::vector<LogRecord> more,
                               core.reader->Read(topic, from.shard, position, until, limit));
      if (more.empty()) break;
      position = KafkaCore::PositionAfter(more.back().offset);
      std::move(more.begin(), more.end(), std::back_inserter(part));
    }
    for (; !part.empty() && newest.size() < limit && bytes < kReadBytesMax; part.pop_back()) {
      bytes += BytesOf(part.back());
      newest.push_back(std::move(part.back()));
    }
    until = begin;
  }
  std::reverse(newest.begin(), newest.end());
  return newest;
}

Result<std::vector<LogRecord>> ReadLast(const KafkaCore& core, const TopicShard& from,
                                        size_t limit) {
  for (;;) {
    auto read = TryReadLast(core, from, limit);
    if (!CutMeanwhile(read)) return read;
  }
}

Status RaiseFloors(KafkaCore& core, const std::string& group,
                   const std::map<TopicShard, Offset>& floors) {
  std::vector<TopicShard> shards;
  for (const auto& [shard, floor] : floors) shards.push_back(shard);
  EPIGRID_ASSIGN_OR_RETURN(const Offsets known, core.FetchFloors(group, shards));
  const KafkaPartitions list = NewKafkaPartitions(floors.size());
  for (size_t i = 0; i < shards.size(); ++i) {
    const Offset floor = floors.at(shards[i]);
    // One that is the same is committed again: brokers forget what is not.
    if (floor < known[i]) continue;
    rd_kafka_topic_partition_list_add(list.get(), core.TopicName(shards[i].topic).c_str(),
                                      static_cast<int32_t>(shards[i].shard))
        ->offset = static_cast<int64_t>(floor);
  }
  if (list->cnt == 0) return OkStatus();
  static constexpr std::string_view kDoing = "raise the floors";
  EPIGRID_ASSIGN_OR_RETURN(rd_kafka_t* const client, core.FloorsClient(group));
  const KafkaQueue queue(rd_kafka_queue_new(client));
  const Duration deadline = core.options.kafka.deadline;
  const auto commit = [&] {
    const rd_kafka_resp_err_t error =
        rd_kafka_commit_queue(client, list.get(), queue.get(), nullptr, nullptr);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return error;
    const KafkaEvent answer(rd_kafka_queue_poll(queue.get(), KafkaMillis(deadline)));
    if (answer == nullptr) return RD_KAFKA_RESP_ERR__TIMED_OUT;
    // The event itself is an error only if all of them failed.
    const auto* committed = rd_kafka_event_topic_partition_list(answer.get());
    for (int i = 0; committed != nullptr && i < committed->cnt; ++i) {
      if (committed->elems[i].err != RD_KAFKA_RESP_ERR_NO_ERROR) return committed->elems[i].err;
    }
    return rd_kafka_event_error(answer.get());
  };
  const rd_kafka_resp_err_t error = AskWhileChanging(client, commit, deadline);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return KafkaStatus(error, kDoing);
  return OkStatus();
}

Result<Done> ToDone(const Status& status) {
  if (!status.ok()) return status;
  return Done{};
}

LogDurability DurabilityOf(const KafkaLogOptions& options) {
  LogDurability durability{
      .in_force = fmt::format("acks all, replication factor {}, min.insync.replicas {}, "
                              "unclean.leader.election.enable false",
                              options.replication, options.min_insync_replicas),
      .warning = {}};
  if (options.min_insync_replicas < 2) {
    durability.warning = fmt::format(
        "a record is acknowledged when {} broker has it in memory: losing that broker loses "
        "acknowledged records; set log.kafka_replication to 3 and log.kafka_min_insync_replicas to "
        "2",
        options.min_insync_replicas);
  }
  return durability;
}

Task<Result<Offset>> FetchEnd(Future<Result<Offsets>> asked) {
  EPIGRID_CO_ASSIGN_OR_RETURN(const Offsets ends, co_await asked);
  co_return ends.front();
}

}  // namespace

std::vector<KafkaTopicSpec> KafkaLogTopics(const KafkaLogOptions& options,
                                           const LogIdentity& identity) {
  std::vector<KafkaTopicSpec> specs = {KafkaMetadata::TopicSpec(options)};
  const uint32_t min_insync = options.min_insync_replicas;
  for (const std::string& topic :
       std::set<std::string>(identity.topics.begin(), identity.topics.end())) {
    specs.push_back({.name = options.topic_prefix + topic,
                     .partitions = identity.shard_count,
                     .replication = options.replication,
                     .settings = options.compacted_topics.contains(topic)
                                     ? KafkaCompactedTopicSettings(min_insync)
                                     : KafkaFactTopicSettings(min_insync)});
  }
  return specs;
}

KafkaLog::KafkaLog(EventLoop& loop, KafkaLogOptions options)
    : core_(std::make_unique<KafkaCore>(loop, std::move(options))) {}

KafkaLog::~KafkaLog() = default;

Future<Result<Done>> KafkaLog::Open(const LogIdentity& identity) {
  return core_->Ask<Done>(core_->questions, [core = core_.get(), identity] {
    return ToDone(OpenLog(*core, identity));
  });
}

// What Open compared and the brokers keep to.
Future<Result<LogDurability>> KafkaLog::Durability() {
  return Ready(Result<LogDurability>(DurabilityOf(core_->options)));
}

std::unique_ptr<Producer> KafkaLog::NewProducer() {
  return std::make_unique<KafkaProducer>(*core_);
}

std::unique_ptr<Consumer> KafkaLog::NewConsumer() {
  return std::make_unique<KafkaConsumer>(*core_);
}

Future<Result<Offset>> KafkaLog::End(const TopicShard& of) {
  return Run(FetchEnd(core_->ends.Ask({of})));
}

Future<Result<Offsets>> KafkaLog::Ends(std::vector<TopicShard> of) {
  return core_->ends.Ask(std::move(of));
}

Future<Result<Offsets>> KafkaLog::Starts(std::vector<TopicShard> of) {
  return core_->starts.Ask(std::move(of));
}

Future<Result<Done>> KafkaLog::Cut(const TopicShard& of, Offset first_kept) {
  return core_->Ask<Done>(core_->questions, [core = core_.get(), of, first_kept] {
    return ToDone(CutShard(*core, of, first_kept));
  });
}

Future<Result<std::vector<LogRecord>>> KafkaLog::Read(const TopicShard& from, Offset after,
                                                      size_t limit) {
  return core_->Ask<std::vector<LogRecord>>(core_->reads, [core = core_.get(), from, after, limit] {
    return ReadAfter(*core, from, after, limit);
  });
}

Future<Result<std::vector<LogRecord>>> KafkaLog::ReadNewest(const TopicShard& from, size_t limit) {
  return core_->Ask<std::vector<LogRecord>>(
      core_->reads, [core = core_.get(), from, limit] { return ReadLast(*core, from, limit); });
}

Future<Result<Offsets>> KafkaLog::Floors(const std::string& group, std::vector<TopicShard> of) {
  return core_->floors_of.Ask({group, std::move(of)});
}

Future<Result<Done>> KafkaLog::RaiseFloors(const std::string& group,
                                           std::map<TopicShard, Offset> floors) {
  return core_->Ask<Done>(core_->questions,
                          [core = core_.get(), group, floors = std::move(floors)] {
                            return ToDone(epigrid::RaiseFloors(*core, group, floors));
                          });
}

Future<Result<StringMap>> KafkaLog::ShardMetadata(const TopicShard& of) {
  return core_->metadata_of.Ask(of);
}

Future<Result<Done>> KafkaLog::PutShardMetadata(const TopicShard& of, std::string field,
                                                std::string value) {
  return core_->metadata_changes.Ask({of, std::move(field), std::move(value)});
}

Future<Result<Done>> KafkaLog::DeleteShardMetadata(const TopicShard& of, std::string field) {
  return core_->metadata_changes.Ask({of, std::move(field), std::nullopt});
}

}  // namespace epigrid
