#include "tests/fakes/sim_log_producer.h"

#include <algorithm>
#include <numeric>

namespace epigrid {
namespace {

// Appends, of one producer.
constexpr size_t kLandedAtOnceMax = 4;

Status OutcomeUnknown() {
  return Unavailable("OUTCOME_UNKNOWN", "the log did not say whether it has the records");
}
Status NotAppended() { return Unavailable("LOG_UNAVAILABLE", "the records are not in the log"); }

}  // namespace

SimProducerState::~SimProducerState() {
  for (auto& [to, lane] : lanes_) storage_.parts_under_way_ -= lane.parts.size();
}

std::optional<Status> SimProducerState::Refusal(const std::vector<NewRecord>& records,
                                                size_t* bytes) const {
  for (const NewRecord& record : records) {
    *bytes += record.key.size() + record.value.size();
    if (record.value.size() > kRecordBytesMax) {
      return InvalidArgument("RECORD_TOO_LARGE", "a record is larger than the log takes");
    }
  }
  if (records.size() > kAppendRecordsMax || *bytes > kAppendBytesMax) {
    return InvalidArgument("APPEND_TOO_LARGE", "an append is larger than the log takes");
  }
  if (broken_) return NotAppended();
  if (queued_bytes_ + *bytes > storage_.options.queued_bytes_max) {
    return ResourceExhausted("LOG_QUEUE_FULL", "too much is on its way to the log");
  }
  return std::nullopt;
}

Future<Result<std::vector<Offset>>> SimProducerState::Append(std::vector<NewRecord> records) {
  size_t bytes = 0;
  if (std::optional<Status> refusal = Refusal(records, &bytes)) return Ready(Answer(*refusal));
  if (records.empty()) return Ready(Answer(std::vector<Offset>()));
  if (storage_.options.tamper) storage_.options.tamper(records);
  SimRandom& random = process_.world().random();
  auto append = std::make_shared<Sent>();
  append->records = std::move(records);
  append->offsets.resize(append->records.size());
  append->left = append->records.size();
  append->bytes = bytes;
  append->stamp = process_.Now();
  queued_bytes_ += bytes;
  if (unanswered_.empty()) moved_at_ = process_.world().Now();
  unanswered_.push_back(append);

  if (storage_.options.torn_appends) {
    for (size_t i = 0; i < append->records.size(); ++i) {
      AddPart(lanes_[append->records[i].to], {append, {i}});
    }
  } else {
    std::vector<size_t> all(append->records.size());
    std::iota(all.begin(), all.end(), 0);
    AddPart(lanes_[TopicShard()], {append, std::move(all)});
  }
  if (storage_.options.acknowledge_before_landing) {
    process_.Deliver(random.Between({}, storage_.link.latency_max),
                     [self = shared_from_this(), append] {
                       std::erase(self->unanswered_, append);
                       Offset next = 0;
                       for (size_t i = 0; i < append->records.size(); ++i) {
                         const Offset end = self->storage_.shards_[append->records[i].to].end;
                         if (append->offsets[i] == 0) append->offsets[i] = end + ++next;
                       }
                       append->Finish(append->offsets);
                     });
  }
  Watch();
  if (storage_.options.append_unknown > 0 && random.Chance(storage_.options.append_unknown)) {
    process_.Deliver(random.Between({}, storage_.link.latency_max),
                     [self = shared_from_this()] { self->BreakUnknown(); });
  }
  return append->promise.future();
}

void SimProducerState::AddPart(Lane& lane, Part part) {
  lane.parts.push_back(std::move(part));
  ++storage_.parts_under_way_;
  ScheduleLanding(lane);
}

void SimProducerState::ScheduleLanding(Lane& lane) {
  if (lane.parts.empty() || std::exchange(lane.landing, true)) return;
  SimScheduler& world = process_.world();
  const bool slow = world.random().Chance(storage_.link.slow);
  const Duration delay = world.random().Between({}, zombie_ ? storage_.options.zombie_delay_max
                                                    : slow  ? storage_.link.slow_max
                                                            : storage_.link.latency_max);
  world.After(delay, [self = shared_from_this(), &lane] {
    auto land = [self, &lane] { self->LandSome(lane); };
    if (!self->storage_.link.frozen) return land();
    self->storage_.link.arrived.push_back(land);
  });
}

void SimProducerState::LandSome(Lane& lane) {
  lane.landing = false;
  if (lane.parts.empty()) return;
  if (storage_.full_) return Refuse();
  moved_at_ = process_.world().Now();
  size_t count = std::min(lane.parts.size(), 1 + process_.world().random().Below(kLandedAtOnceMax));
  for (; count > 0; --count) {
    const Part part = std::move(lane.parts.front());
    lane.parts.pop_front();
    --storage_.parts_under_way_;
    Sent& append = *part.append;
    const Time stamp =
        storage_.options.stamp_by_producers_clock ? append.stamp : process_.world().Now();
    for (size_t i : part.records) append.offsets[i] = storage_.Land(append.records[i], stamp);
    append.left -= part.records.size();
    if (append.left == 0) Landed(part.append);
  }
  ScheduleLanding(lane);
}

void SimProducerState::Landed(const std::shared_ptr<Sent>& append) {
  queued_bytes_ -= append->bytes;
  if (append->answered) return;
  process_.Deliver(process_.world().random().Between({}, storage_.link.latency_max),
                   [self = shared_from_this()] { self->AcknowledgeInOrder(); });
}

void SimProducerState::AcknowledgeInOrder() {
  while (!unanswered_.empty() && unanswered_.front()->left == 0) {
    const std::shared_ptr<Sent> append = std::move(unanswered_.front());
    unanswered_.pop_front();
    append->Finish(append->offsets);
  }
}

void SimProducerState::Refuse() {
  // The log has no room: this producer is through with, and nothing of it lands any more.
  for (auto& [to, lane] : lanes_) Drop(lane, 0);
  process_.Deliver(process_.world().random().Between({}, storage_.link.latency_max),
                   [self = shared_from_this()] {
                     self->broken_ = true;
                     self->AcknowledgeInOrder();
                     self->FailUnanswered(/*may_land=*/false);
                   });
}

void SimProducerState::Drop(Lane& lane, size_t keep) {
  while (lane.parts.size() > keep) {
    lane.parts.pop_back();
    --storage_.parts_under_way_;
  }
}

void SimProducerState::KeepPrefixes() {
  zombie_ = true;
  for (auto& [to, lane] : lanes_) {
    if (!lane.parts.empty()) Drop(lane, process_.world().random().Below(lane.parts.size() + 1));
  }
}

void SimProducerState::BreakUnknown() {
  if (std::exchange(broken_, true)) return;
  KeepPrefixes();
  FailUnanswered(/*may_land=*/true);
}

void SimProducerState::FailUnanswered(bool may_land) {
  const auto self = shared_from_this();
  while (!unanswered_.empty()) {
    const std::shared_ptr<Sent> append = std::move(unanswered_.front());
    unanswered_.pop_front();
    const bool partly = append->left < append->records.size();
    append->Finish(may_land || partly ? OutcomeUnknown() : NotAppended());
  }
}

void SimProducerState::Abandon() {
  if (std::exchange(broken_, true)) return;
  KeepPrefixes();
  // Who still waits hears of what will land when it has landed, and of the rest at once.
  std::map<Sent*, size_t> to_land;
  for (const auto& [to, lane] : lanes_) {
    for (const Part& part : lane.parts) to_land[part.append.get()] += part.records.size();
  }
  std::deque<std::shared_ptr<Sent>> kept;
  bool failed = false;
  for (const std::shared_ptr<Sent>& append : std::exchange(unanswered_, {})) {
    failed |= append->left != to_land[append.get()];
    if (!failed) {
      kept.push_back(append);
      continue;
    }
    const bool partly = append->left < append->records.size() || to_land[append.get()] > 0;
    process_.Deliver(
        {}, [append, partly] { append->Finish(partly ? OutcomeUnknown() : NotAppended()); });
  }
  unanswered_ = std::move(kept);
}

void SimProducerState::Watch() {
  if (unanswered_.empty() || std::exchange(watching_, true)) return;
  process_.Deliver(
      std::max(moved_at_ + storage_.link.deadline - process_.world().Now(),
               storage_.link.latency_max),
      [self = shared_from_this()] {
        self->watching_ = false;
        if (self->broken_ || self->unanswered_.empty()) return;
        const Duration since = self->process_.world().Now() - self->moved_at_;
        if (self->unanswered_.front()->left > 0 && since >= self->storage_.link.deadline) {
          self->BreakUnknown();
        } else {
          self->Watch();
        }
      });
}

}  // namespace epigrid
