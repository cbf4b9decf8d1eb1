// FakeWorld: everything around a Sender, in memory, with a clock that only it moves: for tests of
// the sender.
//
//   FakeWorld world;
//   const std::string message = world.shard().Change(person_id, COLOUR_RED);
//   world.contacts().Set(person_id, {{"web", "address"}});
//   Sender sender(world.scheduler(), world.outbox(), world.contacts(), world.channels(), ...);
//   world.RunUntil([&] { return !world.web().sent.empty(); });
//
// The outbox folds what is appended at once, by the production fold (MailboxShard), and its answers
// come a turn later. Shard time ticks each second. Used by one thread.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "services/notification/domain/testing/mailbox_shard.h"
#include "services/notification/sender/sender.h"
#include "tests/fakes/sim_scheduler.h"

namespace epigrid::notification {

class FakeWorld {
 public:
  class FakeOutbox final : public Outbox {
   public:
    explicit FakeOutbox(FakeWorld& world) : world_(world) {}
    Task<Result<std::vector<std::string>>> Offered(Shard shard, std::string after,
                                                   size_t limit) override;
    Task<Result<uint64_t>> CountOffered(Shard shard) override;
    Task<Result<std::vector<std::optional<state::v1::StoredMessage>>>> Read(
        std::vector<MessageRef> messages) override;
    Task<Result<std::vector<ShardPosition>>> Append(std::vector<PersonEvent> events) override;
    bool IsParked(const std::string& person_id) const override {
      return parked.contains(person_id);
    }
    Task<Status> AwaitApplied(std::vector<ShardPosition> positions, Time deadline) override;

    // Whose events wait: they are not folded. Counted as others are.
    std::set<std::string> parked;
    size_t appended = 0;  // events
    std::function<void()> before_append = [] {};
    Status append_error;
    bool append_in_spite_of_error = false;
    size_t appends_failed = 0;
    Status read_error;
    // What is appended is not folded before Resume.
    bool paused = false;
    void Resume();

   private:
    FakeWorld& world_;
    std::vector<PersonEvent> unfolded_;
  };

  class FakeContacts final : public ContactResolver {
   public:
    explicit FakeContacts(FakeWorld& world) : world_(world) {}
    Future<Result<std::vector<ResolvedContact>>> Resolve(
        std::vector<std::string> person_ids) override;
    void Set(const std::string& person_id, std::vector<ContactPoint> points,
             const std::string& language = "zh", bool guardian_answers = false) {
      people_[person_id] = {OkStatus(), std::move(points), language, guardian_answers};
    }
    void Fail(const std::string& person_id, Status status) {
      people_[person_id] = {std::move(status), {}, ""};
    }

    Status unavailable;
    int calls = 0;

   private:
    FakeWorld& world_;
    std::map<std::string, ResolvedContact> people_;
  };

  class FakeChannel final : public Channel {
   public:
    explicit FakeChannel(FakeWorld& world) : world_(world) {}
    Future<SendResult> Send(OutgoingMessage message) override;
    // Answers what is held, and holds nothing any more.
    void Release();

    std::vector<OutgoingMessage> sent;
    SendResult result{.outcome = v1::ATTEMPT_OUTCOME_DELIVERED, .reason = ""};
    bool hold = false;

   private:
    FakeWorld& world_;
    std::vector<Promise<SendResult>> held_;
  };

  class FakeRandom final : public RandomSource {
   public:
    void Fill(uint8_t* bytes, size_t size) override {
      for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(++count_ >> (i % 4 * 8));
    }

   private:
    uint64_t count_ = 0;
  };

  struct Observed final : SenderObserver {
    void OnAttempt(v1::AttemptOutcome) override { ++outcomes; }
    size_t outcomes = 0;
  };

  explicit FakeWorld(uint64_t seed = 1);

  Time Now() const { return scheduler_.Now(); }
  // Until the condition holds; time passes where nothing else is left to do.
  void RunUntil(const std::function<bool()>& condition) { scheduler_.RunUntil(condition); }
  void RunFor(Duration duration);
  // What can be done without that time passes.
  void RunIdle() { RunFor({}); }
  // Answers a turn later.
  Future<Done> NextTurn() { return scheduler_.Sleep({}); }

  SimScheduler& scheduler() { return scheduler_; }
  MailboxShard& shard() { return shard_; }
  FakeOutbox& outbox() { return outbox_; }
  FakeContacts& contacts() { return contacts_; }
  FakeRandom& random() { return random_; }
  Observed& observer() { return observer_; }
  const Channels& channels() const { return channels_; }
  FakeChannel& web() { return *web_; }
  FakeChannel& file() { return *file_; }

 private:
  // Shard time moves on each second.
  void TickOn();

  SimScheduler scheduler_;
  MailboxShard shard_;
  FakeOutbox outbox_{*this};
  FakeContacts contacts_{*this};
  FakeRandom random_;
  Observed observer_;
  Channels channels_;
  FakeChannel* web_;
  FakeChannel* file_;
};

}  // namespace epigrid::notification
