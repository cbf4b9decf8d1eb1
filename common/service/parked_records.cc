#include "common/service/parked_records.h"

#include <fmt/format.h>

#include "common/service/ignored_events.h"
#include "common/service/shown_key.h"

namespace epigrid {
namespace {

namespace pb = operations::v1;

// A list fits in a message, however bad the day.
constexpr size_t kRecordsListed = 1'000;
constexpr int kEntitiesListed = 100;
constexpr Duration kLookEvery = std::chrono::milliseconds(20);

}  // namespace

Task<Result<ParkedRecords>> ReadParkedRecords(ServiceRuntime& runtime, Shard shard) {
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::optional<std::string> cell,
                              co_await runtime.cells().GetOfShard(shard, std::string(kParkedCell)));
  std::optional<ParkedRecords> parked = ParkedRecords::Decode(cell.value_or(""));
  EPIGRID_CHECK(parked.has_value(), "the cell was written by this program");
  co_return std::move(*parked);
}

Task<Status> ListParkedRecords(ServiceRuntime& runtime,
                               google::protobuf::RepeatedPtrField<pb::ParkedRecord>& to) {
  size_t listed = 0;
  for (Shard shard = 0; shard < runtime.shard_count(); ++shard) {
    EPIGRID_CO_ASSIGN_OR_RETURN(const ParkedRecords parked,
                                co_await ReadParkedRecords(runtime, shard));
    for (const ParkedRoot& root : parked.roots()) {
      if (++listed > kRecordsListed) co_return OkStatus();
      pb::ParkedRecord& record = *to.Add();
      record.set_service(runtime.service());
      record.set_shard(shard);
      record.set_offset(root.offset);
      record.set_reason(root.reason);
      record.set_entity_count(static_cast<uint32_t>(root.entities.size()));
      for (const std::string& entity : root.entities) {
        if (record.entities_size() == kEntitiesListed) break;
        record.add_entities(ShownKey(entity));
      }
    }
  }
  co_return OkStatus();
}

Task<Status> AwaitRetried(ServiceRuntime& runtime, Shard shard, Offset root, Offset retry,
                          const Clock& clock, Time deadline) {
  while (clock.Now() < deadline) {
    const Status applied = co_await runtime.shards().WaitFor({{shard, retry}}, deadline);
    if (applied.code() == Code::kDeadlineExceeded) break;
    EPIGRID_CO_RETURN_IF_ERROR(applied);
    EPIGRID_CO_ASSIGN_OR_RETURN(const ParkedRecords parked,
                                co_await ReadParkedRecords(runtime, shard));
    const ParkedRoot* found = parked.Find(root);
    if (found == nullptr) co_return OkStatus();
    EPIGRID_CO_ASSIGN_OR_RETURN(const internal::v1::IgnoredEvents ignored,
                                co_await ReadIgnoredCell(runtime, shard));
    for (const internal::v1::IgnoredEvent& event : ignored.events()) {
      if (event.offset() != retry || event.reason() != "STILL_PARKED") continue;
      co_return FailedPrecondition(
          "STILL_PARKED",
          fmt::format("it cannot be folded yet ({}): it stays parked, and what waits behind it too",
                      found->reason));
    }
    // More waits behind it than one record folds: the fold goes on by further ones.
    co_await runtime.loop().Sleep(kLookEvery);
  }
  co_return DeadlineExceeded(
      "RETRY_PENDING", "the retry is in the log and not folded yet; see what is parked later");
}

}  // namespace epigrid
