#include "common/projector/emission.h"

#include <map>
#include <utility>

namespace epigrid {
namespace {

// Well below the log's limit, since one more event may still be added.
constexpr size_t kRecordBytesCut = kRecordBytesMax / 2;

struct OpenRecord {
  std::string key;
  Envelope envelope;
  const Envelope* cause = nullptr;
  size_t bytes = 0;
};

}  // namespace

bool StandsAlone(const Event& event) {
  return event.kind_case() == Event::kTick || event.kind_case() == Event::kUnparked;
}

void AddEvent(Envelope& envelope, std::string_view key, std::string_view entity, Event event) {
  // Also when it was taken out of another record, under another key.
  if (entity == key) {
    event.clear_entity();
  } else {
    event.set_entity(entity.data(), entity.size());
  }
  envelope.mutable_events()->Add(std::move(event));
}

const std::string& StatedEntity(const Event& event, const std::string& key) {
  return event.entity().empty() ? key : event.entity();
}

std::string InboxTopic(std::string_view service) { return std::string(service) + ".inbox"; }

void AppendEmitted(const Emitter& emitter, const Envelope& in_hand, Offset offset,
                   std::vector<Emission>& emissions, std::vector<NewRecord>& out) {
  const std::string inbox = InboxTopic(emitter.service);
  std::map<std::string, uint32_t> next_index;  // by stream
  std::map<TopicShard, OpenRecord> open;
  std::vector<TopicShard> order;  // in which the records were opened

  auto close = [&](const TopicShard& to, OpenRecord& record) {
    events::v1::Position& position = *record.envelope.mutable_position();
    position.set_stream(to.topic);
    position.set_source_shard(emitter.shard);
    position.set_offset(offset);
    position.set_index(next_index[to.topic]++);
    out.push_back({to, std::move(record.key), record.envelope.SerializeAsString()});
    record = OpenRecord();
  };

  for (Emission& emission : emissions) {
    TopicShard to;
    if (emission.topic.empty()) {
      to = {inbox, emission.entity.empty() ? emitter.shard
                                           : ShardOf(emission.entity, emitter.shard_count)};
    } else {
      to = {std::move(emission.topic), emitter.shard};
    }
    auto [at, created] = open.try_emplace(to);
    OpenRecord& record = at->second;
    if (created) order.push_back(to);
    const Envelope& cause = emission.cause == nullptr ? in_hand : *emission.cause;
    const size_t bytes = emission.event.ByteSizeLong() + emission.entity.size();
    if (record.envelope.events_size() > 0 &&
        (static_cast<size_t>(record.envelope.events_size()) == kEventsPerRecordMax ||
         record.bytes + bytes > kRecordBytesCut || record.cause != &cause ||
         StandsAlone(emission.event) || StandsAlone(record.envelope.events(0)))) {
      close(to, record);
    }
    if (record.envelope.events_size() == 0) {
      record.key = emission.entity;
      record.cause = &cause;
      record.envelope.set_schema_version(kSchemaVersion);
      *record.envelope.mutable_recorded_at() = cause.recorded_at();
      record.envelope.set_actor(cause.actor());
      record.envelope.set_purpose(cause.purpose());
      record.envelope.set_traceparent(cause.traceparent());
    }
    record.bytes += bytes;
    AddEvent(record.envelope, record.key, emission.entity, std::move(emission.event));
  }
  for (const TopicShard& to : order) close(to, open[to]);
  emissions.clear();
}

std::vector<std::vector<NewRecord>> CutForAppends(std::vector<NewRecord> records) {
  std::vector<std::vector<NewRecord>> parts;
  size_t bytes = 0;
  for (NewRecord& record : records) {
    bytes += BytesOf(record);
    if (parts.empty() || parts.back().size() == kAppendRecordsMax || bytes > kAppendBytesMax) {
      parts.emplace_back();
      bytes = BytesOf(record);
    }
    parts.back().push_back(std::move(record));
  }
  return parts;
}

}  // namespace epigrid
