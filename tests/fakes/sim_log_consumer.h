// Part of SimLog (sim_log.h): its consumers.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "tests/fakes/sim_log.h"

namespace epigrid {

// Outlives its Consumer while a Poll is under way.
class SimConsumerState : public std::enable_shared_from_this<SimConsumerState> {
 public:
  using Answer = Result<std::vector<Polled>>;

  SimConsumerState(SimLogStorage& storage, SimProcess::Mailbox process)
      : storage_(storage), process_(std::move(process)) {}

  void Assign(const TopicShard& from, Offset after);
  void Unassign(const TopicShard& from) { positions_.erase(from); }
  void SetPaused(const TopicShard& from, bool paused);
  Future<Answer> Poll(Duration wait);

  // A record has landed in the storage.
  void RecordLanded(const TopicShard& in);
  // The connection is gone.
  void Fail();

 private:
  struct Position {
    Offset after = 0;
    bool paused = false;
  };

  void LookSoon();
  void Look(bool last);
  // Takes what is there; an error is that of one shard.
  Answer Take();
  void AnswerWith(Answer answer);

  SimLogStorage& storage_;
  const SimProcess::Mailbox process_;
  std::map<TopicShard, Position> positions_;
  std::optional<Promise<Answer>> polling_;
  uint64_t poll_ = 0;  // number of the one under way
  bool looking_ = false;
};

class SimConsumer final : public Consumer {
 public:
  SimConsumer(SimLogStorage& storage, SimProcess::Mailbox process)
      : state_(std::make_shared<SimConsumerState>(storage, std::move(process))) {}

  void Assign(const TopicShard& from, Offset after) override { state_->Assign(from, after); }
  void Unassign(const TopicShard& from) override { state_->Unassign(from); }
  void SetPaused(const TopicShard& from, bool paused) override { state_->SetPaused(from, paused); }
  Future<Result<std::vector<Polled>>> Poll(Duration wait) override { return state_->Poll(wait); }
  const std::shared_ptr<SimConsumerState>& state() const { return state_; }

 private:
  std::shared_ptr<SimConsumerState> state_;
};

}  // namespace epigrid
