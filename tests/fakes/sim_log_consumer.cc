#include "tests/fakes/sim_log_consumer.h"

#include <algorithm>
#include <utility>

namespace epigrid {

void SimConsumerState::Assign(const TopicShard& from, Offset after) {
  positions_[from] = {after, false};
  LookSoon();
}

void SimConsumerState::SetPaused(const TopicShard& from, bool paused) {
  auto found = positions_.find(from);
  if (found == positions_.end()) return;
  found->second.paused = paused;
  if (!paused) LookSoon();
}

Future<SimConsumerState::Answer> SimConsumerState::Poll(Duration wait) {
  EPIGRID_CHECK(!polling_.has_value(), "one poll at a time");
  polling_.emplace();
  const uint64_t number = ++poll_;
  LookSoon();
  process_.Deliver(wait + storage_.link.latency_max, [self = shared_from_this(), number] {
    if (self->poll_ == number) self->Look(/*last=*/true);
  });
  return polling_->future();
}

void SimConsumerState::RecordLanded(const TopicShard& in) {
  if (!polling_.has_value()) return;
  auto found = positions_.find(in);
  if (found != positions_.end() && !found->second.paused) LookSoon();
}

void SimConsumerState::Fail() {
  AnswerWith(Unavailable("LOG_UNAVAILABLE", "the log does not answer"));
}

void SimConsumerState::LookSoon() {
  if (!polling_.has_value() || std::exchange(looking_, true)) return;
  process_.Deliver(process_.world().random().Between({}, storage_.link.latency_max),
                   [self = shared_from_this()] {
                     self->looking_ = false;
                     self->Look(/*last=*/false);
                   });
}

void SimConsumerState::Look(bool last) {
  if (!polling_.has_value()) return;
  if (storage_.link.frozen) {
    if (last) Fail();
    return;
  }
  if (process_.world().random().Chance(storage_.options.poll_fails)) return Fail();
  Answer answer = Take();
  if (!answer.ok() || !answer->empty() || last) AnswerWith(std::move(answer));
}

SimConsumerState::Answer SimConsumerState::Take() {
  std::vector<Polled> polled;
  for (auto at = positions_.begin(); at != positions_.end(); ++at) {
    auto& [from, position] = *at;
    if (position.paused) continue;
    const SimLogStorage::ShardData& shard = storage_.shards_[from];
    const bool moved = position.after < shard.start;
    if (moved || position.after > shard.end) {
      if (!polled.empty()) break;  // that first
      const TopicShard of = from;
      const Offset after = position.after;
      positions_.erase(at);
      if (moved) return LogStartMoved(of, shard.start, after);
      return LogCutShort(of, shard.end, after);
    }
    const size_t limit = 1 + process_.world().random().Below(storage_.options.polled_records_max);
    std::vector<LogRecord> records = storage_.Read(from, position.after, limit);
    if (records.empty()) continue;
    position.after = records.back().offset;
    polled.push_back({from, std::move(records)});
  }
  return polled;
}

void SimConsumerState::AnswerWith(Answer answer) {
  if (!polling_.has_value()) return;
  const Promise<Answer> polling = *std::exchange(polling_, std::nullopt);
  ++poll_;
  polling.Set(std::move(answer));
}

}  // namespace epigrid
