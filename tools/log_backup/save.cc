#include "tools/log_backup/save.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "common/base/proto_time.h"
#include "common/projector/log_retention.h"
#include "common/projector/parking.h"
#include "common/projector/shard_projector.h"
#include "epigrid/events/v1/envelope.pb.h"
#include "epigrid/internal/v1/snapshot.pb.h"
#include "tools/log_backup/consistent_cut.h"
#include "tools/log_backup/files.h"
#include "tools/log_backup/layout.h"

namespace epigrid::log_backup {
namespace {

namespace pb = internal::v1;

using Offsets = std::map<TopicShard, Offset>;

constexpr Duration kPollWait = std::chrono::seconds(1);
// Of a topic from which nothing more comes.
constexpr int kSilentPollsMax = 30;
// Each begins anew, where the one before was overtaken.
constexpr int kAttemptsMax = 5;

class Saver {
 public:
  Saver(const KafkaLogOptions& options, std::filesystem::path directory)
      : directory_(std::move(directory)), loop_("log"), log_(loop_, Trusting(options)) {}

  Status Save(const LogLayout& layout);

 private:
  // What is there is taken as it is.
  static KafkaLogOptions Trusting(KafkaLogOptions options) {
    options.topic_care = KafkaTopicCare::kTrust;
    return options;
  }
  std::vector<TopicShard> ShardsOf(const std::vector<std::string>& topics) const {
    return AllShards(topics, layout_.shard_count);
  }
  Result<Offsets> Starts(const std::vector<std::string>& topics);
  Result<Offsets> Ends(const std::vector<std::string>& topics);
  Status SaveFloors();
  Status SaveFields();
  // From the starts known, which move up where the log was cut meanwhile.
  Status SaveRecords(const std::string& topic, const Offsets& ends);
  // The shard of a LOG_START_MOVED, whose start is known then.
  Result<TopicShard> MoveStart(const Status& moved);
  void Heed(const TopicShard& shard, const LogRecord& record);
  void HeedSnapshot(const TopicShard& shard, const LogRecord& record);
  Offset CoveredBefore(const TopicShard& shard) const;
  Status CheckStarts() const;
  void TellRanges(const Offsets& ends, bool compacted);
  void TellState(const Offsets& cut);

  const std::filesystem::path directory_;
  EventLoop loop_;
  KafkaLog log_;
  LogLayout layout_;
  pb::BackupManifest manifest_;
  std::map<std::pair<std::string, TopicShard>, Offset> floors_;  // by group
  std::vector<pb::BackupField> fields_;
  Offsets starts_;
  std::set<TopicShard> overtaken_;           // whose start moved while they were read
  Offsets first_ends_;                       // of inboxes and public topics
  std::vector<Caused> caused_;               // beyond those
  std::map<std::string, Offset> snapshots_;  // that were begun: id, and what is in them
  Offsets in_snapshots_;                     // by inbox: what is in its furthest whole snapshot
};

Result<Offsets> Zip(const std::vector<TopicShard>& shards, Result<std::vector<Offset>> offsets) {
  if (!offsets.ok()) return offsets.status();
  Offsets zipped;
  for (size_t i = 0; i < shards.size(); ++i) zipped[shards[i]] = (*offsets)[i];
  return zipped;
}

Result<Offsets> Saver::Starts(const std::vector<std::string>& topics) {
  const std::vector<TopicShard> shards = ShardsOf(topics);
  return Zip(shards, log_.Starts(shards).Wait());
}

Result<Offsets> Saver::Ends(const std::vector<std::string>& topics) {
  const std::vector<TopicShard> shards = ShardsOf(topics);
  return Zip(shards, log_.Ends(shards).Wait());
}

Status Saver::Save(const LogLayout& layout) {
  layout_ = layout;
  manifest_.set_shard_count(layout.shard_count);
  manifest_.set_shard_hash(std::string(kShardHashName));
  const auto opened =
      log_.Open({.shard_count = layout.shard_count, .topics = layout.AllTopics()}).Wait();
  EPIGRID_RETURN_IF_ERROR(opened.status());

  EPIGRID_ASSIGN_OR_RETURN(starts_, Starts(layout.AllTopics()));
  EPIGRID_ASSIGN_OR_RETURN(const Offsets snapshot_ends, Ends(layout.snapshots));
  for (const std::string& topic : layout.snapshots) {
    EPIGRID_RETURN_IF_ERROR(SaveRecords(topic, snapshot_ends));
  }
  EPIGRID_RETURN_IF_ERROR(SaveFloors());
  EPIGRID_ASSIGN_OR_RETURN(first_ends_, Ends(layout.facts));
  EPIGRID_ASSIGN_OR_RETURN(const Offsets ends, Ends(layout.facts));
  for (const std::string& topic : layout.facts) EPIGRID_RETURN_IF_ERROR(SaveRecords(topic, ends));
  EPIGRID_RETURN_IF_ERROR(SaveFields());
  EPIGRID_ASSIGN_OR_RETURN(const Offsets key_ends, Ends(layout.compacted));
  for (const std::string& topic : layout.compacted) {
    EPIGRID_RETURN_IF_ERROR(SaveRecords(topic, key_ends));
  }
  EPIGRID_RETURN_IF_ERROR(CheckStarts());

  const Offsets cut = ConsistentCut(ends, caused_);
  TellRanges(snapshot_ends, false);
  TellRanges(cut, false);
  TellRanges(key_ends, true);
  TellState(cut);
  return WriteManifest(directory_, manifest_);
}

// Of every service on its inbox and on all public topics: most are none.
Status Saver::SaveFloors() {
  const std::vector<TopicShard> shards = ShardsOf(layout_.facts);
  for (const std::string& service : layout_.services) {
    EPIGRID_ASSIGN_OR_RETURN(const Offsets floors,
                             Zip(shards, log_.Floors(service, shards).Wait()));
    for (const auto& [shard, floor] : floors) {
      if (floor > 0) floors_[{service, shard}] = floor;
    }
  }
  return OkStatus();
}

Status Saver::SaveFields() {
  const std::vector<TopicShard> shards = ShardsOf(layout_.AllTopics());
  using Fields = Result<std::map<std::string, std::string>>;
  std::vector<Future<Fields>> asked;
  for (const TopicShard& shard : shards) asked.push_back(log_.ShardMetadata(shard));
  for (size_t i = 0; i < shards.size(); ++i) {
    EPIGRID_ASSIGN_OR_RETURN(const auto fields, std::move(asked[i]).Wait());
    for (const auto& [field, value] : fields) {
      pb::BackupField& added = fields_.emplace_back();
      added.set_topic(shards[i].topic);
      added.set_shard(shards[i].shard);
      added.set_field(field);
      added.set_value(value);
    }
  }
  return OkStatus();
}

Status Saver::SaveRecords(const std::string& topic, const Offsets& ends) {
  RecordWriter writer(directory_, topic);
  const std::unique_ptr<Consumer> consumer = log_.NewConsumer();
  std::set<TopicShard> left;
  for (const TopicShard& shard : ShardsOf({topic})) {
    if (starts_[shard] >= ends.at(shard)) continue;
    left.insert(shard);
    consumer->Assign(shard, starts_[shard]);
  }
  for (int silent = 0; !left.empty();) {
    auto polled = consumer->Poll(kPollWait).Wait();
    if (!polled.ok()) {
      if (polled.status().reason() == "LOG_START_MOVED") {
        EPIGRID_ASSIGN_OR_RETURN(const TopicShard moved, MoveStart(polled.status()));
        if (starts_[moved] < ends.at(moved)) {
          consumer->Assign(moved, starts_[moved]);
        } else {
          left.erase(moved);  // all that was to be saved is gone
        }
        continue;
      }
      if (polled.status().code() != Code::kUnavailable) return polled.status();
    }
    silent = polled.ok() && !polled->empty() ? 0 : silent + 1;
    if (silent > kSilentPollsMax) {
      return Unavailable("LOG_UNAVAILABLE", fmt::format("nothing more comes from {}", topic));
    }
    if (!polled.ok()) continue;
    for (const Polled& part : *polled) {
      for (const LogRecord& record : part.records) {
        if (record.offset > ends.at(part.from)) break;
        pb::BackupRecord saved;
        saved.set_shard(part.from.shard);
        saved.set_offset(record.offset);
        *saved.mutable_append_time() = ToProto(record.appended_at);
        saved.set_key(record.key);
        saved.set_value(record.value);
        writer.Write(saved);
        Heed(part.from, record);
      }
      if (part.records.empty() || part.records.back().offset < ends.at(part.from)) continue;
      consumer->Unassign(part.from);
      left.erase(part.from);
    }
  }
  return writer.Close();
}

Result<TopicShard> Saver::MoveStart(const Status& moved) {
  const TopicShard shard{moved.metadata().at("topic"),
                         static_cast<Shard>(std::stoul(moved.metadata().at("shard")))};
  EPIGRID_ASSIGN_OR_RETURN(const std::vector<Offset> starts, log_.Starts({shard}).Wait());
  starts_[shard] = starts.front();
  overtaken_.insert(shard);
  return shard;
}

void Saver::Heed(const TopicShard& shard, const LogRecord& record) {
  if (layout_.IsSnapshots(shard.topic)) return HeedSnapshot(shard, record);
  const auto first_end = first_ends_.find(shard);
  if (first_end == first_ends_.end() || record.offset <= first_end->second) return;
  events::v1::Envelope envelope;
  if (!envelope.ParseFromString(record.value) || !envelope.has_position()) return;
  const events::v1::Position& position = envelope.position();
  caused_.push_back(
      {.shard = shard,
       .offset = record.offset,
       .by_shard = {InboxTopic(ServiceOf(position.stream())), position.source_shard()},
       .by_offset = position.offset()});
}

void Saver::HeedSnapshot(const TopicShard& shard, const LogRecord& record) {
  pb::SnapshotRecord part;
  if (!part.ParseFromString(record.value)) return;
  if (part.has_header()) snapshots_[part.snapshot_id()] = part.header().offset();
  const auto begun = snapshots_.find(part.snapshot_id());
  if (!part.has_footer() || begun == snapshots_.end()) return;
  Offset& furthest = in_snapshots_[{InboxTopic(ServiceOf(shard.topic)), shard.shard}];
  furthest = std::max(furthest, begun->second);
}

// Up to here a shard may begin, with what was saved before its records: an inbox up to what is in a
// snapshot, a public topic up to what its subscribers have copied.
Offset Saver::CoveredBefore(const TopicShard& shard) const {
  if (shard.topic == InboxTopic(ServiceOf(shard.topic))) {
    const auto furthest = in_snapshots_.find(shard);
    return furthest == in_snapshots_.end() ? 0 : furthest->second;
  }
  Offset covered = std::numeric_limits<Offset>::max();
  for (const pb::BackupField& field : fields_) {
    if (field.topic() != shard.topic || field.shard() != shard.shard ||
        !field.field().starts_with(kSubscriberPrefix)) {
      continue;
    }
    const auto floor = floors_.find({field.field().substr(kSubscriberPrefix.size()), shard});
    covered = std::min(covered, floor == floors_.end() ? 0 : floor->second);
  }
  return covered;
}

Status Saver::CheckStarts() const {
  for (TopicShard shard : overtaken_) {
    if (layout_.IsSnapshots(shard.topic)) shard.topic = InboxTopic(ServiceOf(shard.topic));
    const Offset start = starts_.at(shard), covered = CoveredBefore(shard);
    if (covered >= start) continue;
    return {Code::kAborted, "BACKUP_OVERTAKEN",
            fmt::format("{} was cut up to {} while it was saved, and what was saved before stands "
                        "for it only up to {}: begin again",
                        TopicShardName(shard), start, covered)};
  }
  return OkStatus();
}

// What names a record beyond the cut says nothing of the one that will be there.
bool Stands(const pb::BackupField& field, Offset end) {
  std::string_view number;
  if (field.field().starts_with(kParkedPrefix)) {
    number = std::string_view(field.field()).substr(kParkedPrefix.size());
  } else if (field.field() == kRebuiltField || field.field() == kRebuildDiffersField ||
             field.field() == kRebuildAttemptField) {
    number = field.value();
  }
  Offset offset = 0;
  std::from_chars(number.data(), number.data() + number.size(), offset);
  return offset <= end;
}

void Saver::TellState(const Offsets& cut) {
  for (const pb::BackupField& field : fields_) {
    const auto end = cut.find({field.topic(), field.shard()});
    if (end == cut.end() || Stands(field, end->second)) *manifest_.add_fields() = field;
  }
  for (const auto& [of, floor] : floors_) {
    EPIGRID_CHECK(floor <= cut.at(of.second), "a floor vouches for what is beyond the cut");
    pb::BackupFloor& told = *manifest_.add_floors();
    told.set_group(of.first);
    told.set_topic(of.second.topic);
    told.set_shard(of.second.shard);
    told.set_offset(floor);
  }
}

void Saver::TellRanges(const Offsets& ends, bool compacted) {
  pb::BackupTopic* topic = nullptr;
  for (const auto& [shard, end] : ends) {
    if (topic == nullptr || topic->name() != shard.topic) {
      topic = manifest_.add_topics();
      topic->set_name(shard.topic);
      topic->set_compacted(compacted);
    }
    pb::BackupRange& range = *topic->add_ranges();
    range.set_start(starts_.at(shard));
    range.set_end(std::max(end, starts_.at(shard)));
  }
}

}  // namespace

Status Save(const KafkaLogOptions& options, const std::filesystem::path& directory) {
  EPIGRID_ASSIGN_OR_RETURN(const LogLayout layout, FindLayout(options));
  Status status;
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    status = Saver(options, directory).Save(layout);
    if (status.ok() || status.reason() != "BACKUP_OVERTAKEN") break;
  }
  return status;
}

}  // namespace epigrid::log_backup
