#include "tests/fakes/sim_log.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/fakes/sim_log_consumer.h"
#include "tests/fakes/sim_log_producer.h"

namespace epigrid {

Offset SimLogStorage::Land(const NewRecord& record, Time stamp) {
  static constexpr Offset kSteps[] = {1, 1, 1, 2, 5};
  ShardData& shard = shards_[record.to];
  shard.end += kSteps[world_.random().Below(std::size(kSteps))];
  shard.last_append = std::max(shard.last_append, stamp);
  shard.records.push_back({shard.end, shard.last_append, record.key, record.value});
  if (on_landed) on_landed(record.to, shard.records.back());
  std::erase_if(consumers_, [](const auto& consumer) { return consumer.expired(); });
  for (const auto& consumer : consumers_) consumer.lock()->RecordLanded(record.to);
  return shard.end;
}

std::vector<LogRecord> SimLogStorage::Read(const TopicShard& from, Offset after,
                                           size_t limit) const {
  auto found = shards_.find(from);
  if (found == shards_.end()) return {};
  const std::vector<LogRecord>& records = found->second.records;
  auto first = std::upper_bound(
      records.begin(), records.end(), after,
      [](Offset offset, const LogRecord& record) { return offset < record.offset; });
  std::vector<LogRecord> read;
  for (size_t bytes = 0; first != records.end() && read.size() < limit && bytes < kReadBytesMax;
       ++first) {
    bytes += BytesOf(*first);
    read.push_back(*first);
  }
  return read;
}

std::vector<LogRecord> SimLogStorage::ReadNewest(const TopicShard& from, size_t limit) const {
  auto found = shards_.find(from);
  if (found == shards_.end()) return {};
  const std::vector<LogRecord>& records = found->second.records;
  auto first = records.end();
  for (size_t bytes = 0; first != records.begin() && bytes < kReadBytesMax &&
                         static_cast<size_t>(records.end() - first) < limit;) {
    bytes += BytesOf(*--first);
  }
  return {first, records.end()};
}

void SimLogStorage::Crash() {
  for (const auto& each : producers_) {
    if (auto producer = each.lock()) producer->BreakUnknown();
  }
  for (const auto& each : consumers_) {
    if (auto consumer = each.lock()) consumer->Fail();
  }
}

void SimLogStorage::Cut(const TopicShard& of, Offset first_kept) {
  ShardData& shard = shards_[of];
  auto kept = std::ranges::lower_bound(shard.records, first_kept, {}, &LogRecord::offset);
  if (options.cut_too_far && kept != shard.records.begin() && kept != shard.records.end()) ++kept;
  if (kept == shard.records.begin()) return;
  shard.start = std::prev(kept)->offset;
  shard.gone.insert(shard.gone.end(), std::make_move_iterator(shard.records.begin()),
                    std::make_move_iterator(kept));
  shard.records.erase(shard.records.begin(), kept);
}

std::vector<LogRecord> SimLogStorage::Ever(const TopicShard& of) const {
  const auto found = shards_.find(of);
  if (found == shards_.end()) return {};
  std::vector<LogRecord> all = found->second.gone;
  all.insert(all.end(), found->second.records.begin(), found->second.records.end());
  return all;
}

void SimLogStorage::SkipTo(const TopicShard& of, Offset offset) {
  ShardData& shard = shards_[of];
  EPIGRID_CHECK(shard.end < offset, "offsets only rise");
  shard.end = offset;
}

void SimLogStorage::LoseTail(const TopicShard& of, Offset last_kept) {
  ShardData& shard = shards_[of];
  std::erase_if(shard.records, [&](const LogRecord& record) { return record.offset > last_kept; });
  shard.end = last_kept;
}

Future<Result<Done>> SimLog::Open(const LogIdentity& identity) {
  return Call<Done>([&storage = storage_, identity]() -> Result<Done> {
    if (!storage.identity_.has_value()) storage.identity_ = identity;
    const LogIdentity& there = *storage.identity_;
    if (there.shard_count == identity.shard_count && there.shard_hash == identity.shard_hash) {
      return Done{};
    }
    return FailedPrecondition(
        "LOG_MISMATCH",
        fmt::format("the log has {} shards by {} and {} shards by {} are wanted", there.shard_count,
                    there.shard_hash, identity.shard_count, identity.shard_hash));
  });
}

std::unique_ptr<Producer> SimLog::NewProducer() {
  auto producer = std::make_unique<SimProducer>(storage_, process_);
  std::erase_if(storage_.producers_, [](const auto& each) { return each.expired(); });
  storage_.producers_.push_back(producer->state());
  return producer;
}

std::unique_ptr<Consumer> SimLog::NewConsumer() {
  auto consumer = std::make_unique<SimConsumer>(storage_, process_);
  storage_.consumers_.push_back(consumer->state());
  return consumer;
}

Future<Result<LogDurability>> SimLog::Durability() {
  return Call<LogDurability>([] { return LogDurability{.in_force = "simulated", .warning = {}}; });
}

Future<Result<Offset>> SimLog::End(const TopicShard& of) {
  return Call<Offset>([&storage = storage_, of] { return storage.shards_[of].end; });
}

Future<Result<std::vector<Offset>>> SimLog::Ends(std::vector<TopicShard> of) {
  return Call<std::vector<Offset>>([&storage = storage_, of = std::move(of)] {
    std::vector<Offset> ends;
    for (const TopicShard& each : of) ends.push_back(storage.shards_[each].end);
    return ends;
  });
}

Future<Result<std::vector<LogRecord>>> SimLog::Read(const TopicShard& from, Offset after,
                                                    size_t limit) {
  return Call<std::vector<LogRecord>>(
      [&storage = storage_, from, after, limit]() -> Result<std::vector<LogRecord>> {
        const Offset start = storage.shards_[from].start;
        if (after < start) return LogStartMoved(from, start, after);
        return storage.Read(from, after, limit);
      });
}

Future<Result<std::vector<LogRecord>>> SimLog::ReadNewest(const TopicShard& from, size_t limit) {
  return Call<std::vector<LogRecord>>(
      [&storage = storage_, from, limit] { return storage.ReadNewest(from, limit); });
}

Future<Result<std::vector<Offset>>> SimLog::Starts(std::vector<TopicShard> of) {
  return Call<std::vector<Offset>>([&storage = storage_, of = std::move(of)] {
    std::vector<Offset> starts;
    for (const TopicShard& each : of) starts.push_back(storage.shards_[each].start);
    return starts;
  });
}

Future<Result<Done>> SimLog::Cut(const TopicShard& of, Offset first_kept) {
  return Call<Done>([&storage = storage_, of, first_kept] {
    storage.Cut(of, first_kept);
    return Done{};
  });
}

Future<Result<std::vector<Offset>>> SimLog::Floors(const std::string& group,
                                                   std::vector<TopicShard> of) {
  return Call<std::vector<Offset>>([&storage = storage_, group, of = std::move(of)] {
    std::vector<Offset> floors;
    for (const TopicShard& each : of) floors.push_back(storage.floors_[{group, each}]);
    return floors;
  });
}

Future<Result<Done>> SimLog::RaiseFloors(const std::string& group,
                                         std::map<TopicShard, Offset> floors) {
  return Call<Done>([&storage = storage_, group, floors = std::move(floors)] {
    for (const auto& [of, floor] : floors) {
      Offset& there = storage.floors_[{group, of}];
      there = std::max(there,
                       storage.options.raise_floors_to_the_end ? storage.shards_[of].end : floor);
    }
    return Done{};
  });
}

Future<Result<std::map<std::string, std::string>>> SimLog::ShardMetadata(const TopicShard& of) {
  return Call<std::map<std::string, std::string>>(
      [&storage = storage_, of] { return storage.metadata_[of]; });
}

Future<Result<Done>> SimLog::PutShardMetadata(const TopicShard& of, std::string field,
                                              std::string value) {
  return Call<Done>([&storage = storage_, of, field = std::move(field), value = std::move(value)] {
    storage.metadata_[of][field] = value;
    return Done{};
  });
}

Future<Result<Done>> SimLog::DeleteShardMetadata(const TopicShard& of, std::string field) {
  return Call<Done>([&storage = storage_, of, field = std::move(field)] {
    storage.metadata_[of].erase(field);
    return Done{};
  });
}

}  // namespace epigrid
