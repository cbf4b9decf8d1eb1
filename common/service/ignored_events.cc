#include "common/service/ignored_events.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/proto_time.h"
#include "common/projector/emission.h"
#include "common/projector/record_folder.h"
#include "common/service/log_reads.h"

namespace epigrid {
namespace {

namespace pb = operations::v1;

// Those of them that the log still has, by offset.
Task<Result<std::map<Offset, LogRecord>>> ReadRecords(ServiceRuntime& runtime, Shard shard,
                                                      const internal::v1::IgnoredEvents& events) {
  const TopicShard inbox{InboxTopic(runtime.service()), shard};
  std::map<Offset, Future<Result<std::vector<LogRecord>>>> reads;
  for (const internal::v1::IgnoredEvent& event : events.events()) {
    if (reads.contains(event.offset())) continue;
    reads.emplace(event.offset(), Run(ReadWhatIsLeft(runtime.log(), inbox, event.offset() - 1, 1)));
  }
  std::map<Offset, LogRecord> records;
  for (auto& [offset, read] : reads) {
    EPIGRID_CO_ASSIGN_OR_RETURN(std::vector<LogRecord> found, co_await read);
    if (found.empty() || found.front().offset != offset) continue;
    records.emplace(offset, std::move(found.front()));
  }
  co_return records;
}

// What the record says of its event at this index. A timer that was ignored has the index of none.
void Describe(const LogRecord& record, uint32_t index, const Fold& fold, pb::IgnoredEvent& shown) {
  *shown.mutable_append_time() = ToProto(record.appended_at);
  Envelope envelope;
  if (!envelope.ParseFromString(record.value) || envelope.events().empty()) return;
  const auto position = static_cast<int>(index);
  const Event& event = envelope.events(position < envelope.events_size() ? position : 0);
  const auto* kind = Event::descriptor()->FindFieldByNumber(event.kind_case());
  if (kind == nullptr) return;
  shown.set_kind(kind->name());
  for (std::string& entity : fold.Entities(event)) shown.add_entities(std::move(entity));
}

}  // namespace

Task<Result<internal::v1::IgnoredEvents>> ReadIgnoredCell(ServiceRuntime& runtime, Shard shard) {
  EPIGRID_CO_ASSIGN_OR_RETURN(
      const std::optional<std::string> cell,
      co_await runtime.cells().GetOfShard(shard, std::string(kIgnoredCell)));
  internal::v1::IgnoredEvents events;
  EPIGRID_CHECK(events.ParseFromString(cell.value_or("")), "the cell was written by this program");
  co_return events;
}

Task<Status> ReadIgnoredEvents(ServiceRuntime& runtime, std::string entity,
                               google::protobuf::RepeatedPtrField<pb::IgnoredEvent>& to) {
  for (Shard shard = 0; shard < runtime.shard_count(); ++shard) {
    EPIGRID_CO_ASSIGN_OR_RETURN(const internal::v1::IgnoredEvents events,
                                co_await ReadIgnoredCell(runtime, shard));
    EPIGRID_CO_ASSIGN_OR_RETURN(const auto records, co_await ReadRecords(runtime, shard, events));
    for (const internal::v1::IgnoredEvent& event : events.events()) {
      pb::IgnoredEvent shown;
      shown.set_service(runtime.service());
      shown.set_shard(shard);
      shown.set_offset(event.offset());
      shown.set_event_index(event.event_index());
      shown.set_reason(event.reason());
      const auto record = records.find(event.offset());
      if (record != records.end()) {
        Describe(record->second, event.event_index(), runtime.fold(), shown);
      }
      const bool concerns =
          entity.empty() || std::ranges::find(shown.entities(), entity) != shown.entities().end();
      if (concerns) *to.Add() = std::move(shown);
    }
  }
  co_return OkStatus();
}

}  // namespace epigrid
