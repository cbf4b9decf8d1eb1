// Sender's inside; for sender*.cc only. Its coroutines are its own and end with it.
#pragma once

#include <deque>
#include <set>
#include <string>
#include <vector>

#include "services/notification/sender/sender.h"
#include "services/notification/sender/task_group.h"

namespace epigrid::notification {

class Sender::State : public std::enable_shared_from_this<Sender::State> {
 public:
  State(Scheduler& scheduler, Outbox& outbox, ContactResolver& contacts, const Channels& channels,
        RandomSource& random, std::function<bool(Shard)> works_on, SenderOptions options,
        SenderObserver* observer);

  void Start() { tasks_.Begin(Poll()); }
  void Wake(Shard shard);
  void Stop(Duration deadline, Promise<Done> stopped) {
    tasks_.Begin(Drain(deadline, std::move(stopped)));
  }

 private:
  // A message in hand.
  struct Letter {
    MessageRef message;
    std::string attempt_id;
    Time until;  // the fold gives the attempt up
    ResolvedContact contact;
  };
  // How a shard's index is walked: in laps, from where the last one was cut short.
  struct Walk {
    std::string at;  // looked at up to here
    bool wrap = false;
    bool dirty = false;
  };

  // sender.cc: finding work.
  Task<void> Poll();
  Task<void> Drain(Duration deadline, Promise<Done> stopped);
  void MarkDirty(Shard shard);
  bool MayTake() const;
  void LookSoon();
  void Look();
  Task<void> LookInto(Shard shard);
  void Take(Shard shard, const std::vector<std::string>& page);
  void Dispatch();
  void Release(const MessageRef& message);
  // Takes no work for a while, longer each time in a row.
  void BackOff(std::string_view from, const Status& why);

  // sender_batch.cc: from offered to finished.
  Task<void> SendBatch(std::vector<std::string> items);
  Task<std::vector<Letter>> Resolve(std::vector<std::string> items);
  using Stored = std::vector<std::optional<state::v1::StoredMessage>>;
  Task<Stored> StartAttempts(std::vector<Letter>& letters);
  Task<Stored> ReadStarted(const std::vector<Letter>& letters,
                           Result<std::vector<ShardPosition>> appended);
  Task<void> Deliver(Letter letter, v1::Message message);
  Task<events::v1::AttemptFinished> Send(const Letter& letter, const v1::Message& message);
  Task<SendResult> SendTo(const ContactPoint& point, const Letter& letter,
                          const v1::Message& message);
  void Finish(events::v1::AttemptFinished finished);
  Task<void> AppendFinished();

  Scheduler& scheduler_;
  Outbox& outbox_;
  ContactResolver& contacts_;
  const Channels& channels_;
  RandomSource& random_;
  const std::function<bool(Shard)> works_on_;
  const SenderOptions options_;
  SenderObserver* const observer_;

  bool draining_ = false;
  bool look_posted_ = false;
  size_t looks_under_way_ = 0;
  size_t unreadable_ = 0;  // shards that the looks under way could not read, and why
  Status unreadable_why_;
  std::vector<Walk> walks_;                     // by shard
  std::deque<Shard> dirty_;                     // in the order in which they are to be looked into
  std::vector<std::string> taken_;              // by the looks under way
  std::set<std::string, std::less<>> in_hand_;  // work items
  std::optional<Future<Done>> pause_over_;      // none: it does not pause
  Duration pause_{0};
  std::vector<events::v1::AttemptFinished> finished_;  // to be appended
  bool appending_ = false;
  TaskGroup tasks_;  // last: their frames refer to all of the above
};

}  // namespace epigrid::notification
