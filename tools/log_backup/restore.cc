#include "tools/log_backup/restore.h"

#include <fmt/format.h>

#include <map>
#include <utility>
#include <vector>

#include "common/base/proto_time.h"
#include "tools/log_backup/files.h"
#include "tools/log_backup/record_sender.h"

namespace epigrid::log_backup {
namespace {

namespace pb = internal::v1;

const std::string kNothing;

LogIdentity IdentityOf(const pb::BackupManifest& manifest) {
  LogIdentity identity{.shard_count = manifest.shard_count(), .shard_hash = manifest.shard_hash()};
  for (const pb::BackupTopic& topic : manifest.topics()) identity.topics.push_back(topic.name());
  return identity;
}

Status CheckEmpty(rd_kafka_t* client, const std::vector<KafkaTopicSpec>& wanted,
                  Duration deadline) {
  EPIGRID_ASSIGN_OR_RETURN(const auto found, ListKafkaTopics(client, deadline));
  for (const KafkaTopicSpec& topic : wanted) {
    if (!found.contains(topic.name)) continue;
    return FailedPrecondition(
        "RESTORE_NOT_EMPTY",
        fmt::format("topic {} is there already: a log is restored on brokers that have none; "
                    "delete its topics, or choose another log.kafka_topic_prefix",
                    topic.name));
  }
  return OkStatus();
}

Status Incomplete(const pb::BackupTopic& topic, Shard shard, Offset wanted) {
  return {Code::kDataLoss, "BACKUP_CORRUPT",
          fmt::format("the backup lacks record {} of {}/{}", wanted, topic.name(), shard)};
}

// Records up to the start of each shard, only for those after them to get their offsets.
Status FillUp(RecordSender& sender, rd_kafka_topic_t* to, const pb::BackupTopic& topic) {
  for (int shard = 0; shard < topic.ranges_size(); ++shard) {
    for (Offset place = 1; place <= topic.ranges(shard).start(); ++place) {
      EPIGRID_RETURN_IF_ERROR(sender.Send(to, {.shard = static_cast<Shard>(shard),
                                               .place = place,
                                               .time = {},
                                               .key = kNothing,
                                               .value = kNothing}));
    }
  }
  return OkStatus();
}

Status RestoreRecords(RecordSender& sender, const std::string& topic_name,
                      const pb::BackupTopic& topic, const std::filesystem::path& directory) {
  const KafkaTopic to(rd_kafka_topic_new(sender.client(), topic_name.c_str(), nullptr));
  if (!topic.compacted()) EPIGRID_RETURN_IF_ERROR(FillUp(sender, to.get(), topic));
  std::vector<Offset> last;
  for (const pb::BackupRange& range : topic.ranges()) last.push_back(range.start());
  RecordReader reader(directory, topic.name());
  pb::BackupRecord record;
  for (;;) {
    EPIGRID_ASSIGN_OR_RETURN(const bool there, reader.Read(record));
    if (!there) break;
    const Shard shard = record.shard();
    if (shard >= last.size()) return Incomplete(topic, shard, 0);
    const pb::BackupRange& range = topic.ranges(static_cast<int>(shard));
    if (record.offset() <= range.start() || record.offset() > range.end()) continue;
    if (!topic.compacted() && record.offset() != last[shard] + 1) {
      return Incomplete(topic, shard, last[shard] + 1);
    }
    last[shard] = record.offset();
    EPIGRID_RETURN_IF_ERROR(sender.Send(to.get(), {.shard = shard,
                                                   .place = topic.compacted() ? 0 : record.offset(),
                                                   .time = FromProto(record.append_time()),
                                                   .key = record.key(),
                                                   .value = record.value()}));
  }
  for (Shard shard = 0; shard < last.size(); ++shard) {
    if (!topic.compacted() && last[shard] != topic.ranges(static_cast<int>(shard)).end()) {
      return Incomplete(topic, shard, last[shard] + 1);
    }
  }
  return sender.Flush();
}

Status CutShards(EventLog& log, const pb::BackupManifest& manifest) {
  for (const pb::BackupTopic& topic : manifest.topics()) {
    for (int shard = 0; !topic.compacted() && shard < topic.ranges_size(); ++shard) {
      const Offset start = topic.ranges(shard).start();
      if (start == 0) continue;
      const auto cut = log.Cut({topic.name(), static_cast<Shard>(shard)}, start + 1).Wait();
      EPIGRID_RETURN_IF_ERROR(cut.status());
    }
  }
  return OkStatus();
}

Status RestoreFields(EventLog& log, const pb::BackupManifest& manifest) {
  std::vector<Future<Result<Done>>> put;
  for (const pb::BackupField& field : manifest.fields()) {
    put.push_back(
        log.PutShardMetadata({field.topic(), field.shard()}, field.field(), field.value()));
  }
  for (Future<Result<Done>>& each : put) EPIGRID_RETURN_IF_ERROR(std::move(each).Wait().status());
  return OkStatus();
}

Status RestoreFloors(EventLog& log, const pb::BackupManifest& manifest) {
  std::map<std::string, std::map<TopicShard, Offset>> floors;
  for (const pb::BackupFloor& floor : manifest.floors()) {
    floors[floor.group()][{floor.topic(), floor.shard()}] = floor.offset();
  }
  for (const auto& [group, of_group] : floors) {
    EPIGRID_RETURN_IF_ERROR(log.RaiseFloors(group, of_group).Wait().status());
  }
  return OkStatus();
}

}  // namespace

Status Restore(KafkaLogOptions options, const std::filesystem::path& directory) {
  EPIGRID_ASSIGN_OR_RETURN(const pb::BackupManifest manifest, ReadManifest(directory));
  EPIGRID_ASSIGN_OR_RETURN(RecordSender sender, RecordSender::Make(options.kafka));
  for (const pb::BackupTopic& topic : manifest.topics()) {
    if (topic.compacted()) options.compacted_topics.insert(topic.name());
  }
  const LogIdentity identity = IdentityOf(manifest);
  const std::vector<KafkaTopicSpec> wanted = KafkaLogTopics(options, identity);
  const Duration deadline = options.kafka.deadline;
  EPIGRID_RETURN_IF_ERROR(CheckEmpty(sender.client(), wanted, deadline));

  std::vector<KafkaTopicSpec> unfinished = wanted;
  for (KafkaTopicSpec& topic : unfinished) topic.settings["message.timestamp.type"] = "CreateTime";
  EPIGRID_RETURN_IF_ERROR(
      EnsureKafkaTopics(sender.client(), KafkaTopicCare::kCreate, unfinished, deadline));
  options.topic_care = KafkaTopicCare::kTrust;
  EventLoop loop("log");
  KafkaLog log(loop, options);
  EPIGRID_RETURN_IF_ERROR(log.Open(identity).Wait().status());
  for (const pb::BackupTopic& topic : manifest.topics()) {
    EPIGRID_RETURN_IF_ERROR(
        RestoreRecords(sender, options.topic_prefix + topic.name(), topic, directory));
  }
  EPIGRID_RETURN_IF_ERROR(CutShards(log, manifest));
  EPIGRID_RETURN_IF_ERROR(RestoreFields(log, manifest));
  EPIGRID_RETURN_IF_ERROR(RestoreFloors(log, manifest));
  return SetKafkaTopicSettings(sender.client(), wanted, deadline);
}

}  // namespace epigrid::log_backup
