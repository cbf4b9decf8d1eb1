// Part of SimLog (sim_log.h): its producers.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "tests/fakes/sim_log.h"

namespace epigrid {

// Outlives its Producer while something that it sent is under way.
class SimProducerState : public std::enable_shared_from_this<SimProducerState> {
 public:
  SimProducerState(SimLogStorage& storage, SimProcess::Mailbox process)
      : storage_(storage), process_(std::move(process)) {}
  ~SimProducerState();

  Future<Result<std::vector<Offset>>> Append(std::vector<NewRecord> records);
  bool broken() const { return broken_; }
  // The connection is gone: what is under way lands later as a prefix, or never.
  void BreakUnknown();
  // The Producer is destroyed.
  void Abandon();

 private:
  using Answer = Result<std::vector<Offset>>;
  struct Sent {
    std::vector<NewRecord> records;
    std::vector<Offset> offsets;
    size_t left = 0;  // records that have not landed
    size_t bytes = 0;
    Time stamp;  // for a broken log only
    bool answered = false;
    Promise<Answer> promise;
    void Finish(Answer answer) {
      if (!std::exchange(answered, true)) promise.Set(std::move(answer));
    }
  };
  // What lands at once: all records of one Append, or one of them if appends are torn.
  struct Part {
    std::shared_ptr<Sent> append;
    std::vector<size_t> records;
  };
  struct Lane {
    std::deque<Part> parts;
    bool landing = false;
  };

  std::optional<Status> Refusal(const std::vector<NewRecord>& records, size_t* bytes) const;
  void AddPart(Lane& lane, Part part);
  void ScheduleLanding(Lane& lane);
  void LandSome(Lane& lane);
  void Landed(const std::shared_ptr<Sent>& append);
  void AcknowledgeInOrder();
  void Refuse();
  void Drop(Lane& lane, size_t keep);
  void KeepPrefixes();
  void Watch();
  // `may_land`: something that was sent may still come to be in the log.
  void FailUnanswered(bool may_land);

  SimLogStorage& storage_;
  const SimProcess::Mailbox process_;
  std::map<TopicShard, Lane> lanes_;  // one for all if appends are not torn
  std::deque<std::shared_ptr<Sent>> unanswered_;
  size_t queued_bytes_ = 0;
  Time moved_at_;  // something landed, or began to wait
  bool broken_ = false;
  bool zombie_ = false;
  bool watching_ = false;
};

class SimProducer final : public Producer {
 public:
  SimProducer(SimLogStorage& storage, SimProcess::Mailbox process)
      : state_(std::make_shared<SimProducerState>(storage, std::move(process))) {}
  ~SimProducer() override { state_->Abandon(); }

  Future<Result<std::vector<Offset>>> Append(std::vector<NewRecord> records) override {
    return state_->Append(std::move(records));
  }
  bool broken() const override { return state_->broken(); }
  const std::shared_ptr<SimProducerState>& state() const { return state_; }

 private:
  std::shared_ptr<SimProducerState> state_;
};

}  // namespace epigrid
