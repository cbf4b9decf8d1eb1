// SimScheduler: a world in which time passes only when nothing else is left to do. Everything that
// happens in a simulation is an event here; between two events anything may be destroyed.
//
//   SimScheduler world(seed);
//   SimProcess process(world);                  // what a ProjectorHost is given as its Scheduler
//   process.set_clock_error(-5min);             // its wall clock only
//   process.StallFor(20s);                      // hears and does nothing meanwhile
//   world.RunUntil([&] { return future.ready(); });
//
// Events due at the same time run in random order. A process that is destroyed hears nothing any
// more; what it has sent is still under way.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "common/base/scheduler.h"
#include "tests/fakes/sim_random.h"

namespace epigrid {

class SimScheduler final : public Scheduler {
 public:
  explicit SimScheduler(uint64_t seed, Time start = Time::FromSeconds(1'641'772'800))  // 2022-01-10
      : random_(seed), now_(start) {}

  // The true time.
  Time Now() const override { return now_; }
  Future<Done> Sleep(Duration duration) override;
  void Post(std::function<void()> fn) override { After({}, std::move(fn)); }
  // Calls fn when so much time has passed.
  void After(Duration delay, std::function<void()> fn);

  // Lets the next event happen; false: there is none.
  bool Step();
  // Steps until the condition holds; aborts if it does not within `steps_max` events.
  void RunUntil(const std::function<bool()>& condition, uint64_t steps_max = 50'000'000);
  // So much time passes at once, for everybody: a machine that was suspended.
  void Jump(Duration duration) { now_ = now_ + duration; }

  SimRandom& random() { return random_; }
  uint64_t steps() const { return steps_; }

 private:
  struct Due {
    Time time;
    uint64_t order = 0;  // among those due at once
    uint64_t number = 0;
    friend auto operator<=>(const Due&, const Due&) = default;
  };

  SimRandom random_;
  Time now_;
  uint64_t steps_ = 0;
  uint64_t numbers_ = 0;
  std::map<Due, std::function<void()>> events_;
};

// One operating-system process of the world: its wall clock, and whether it runs.
class SimProcess final : public Scheduler {
 public:
  explicit SimProcess(SimScheduler& world) : state_(std::make_shared<State>(world)) {}
  ~SimProcess() override {
    state_->dead = true;
    state_->held.clear();
    state_->posts.clear();
  }
  SimProcess(const SimProcess&) = delete;

  Time Now() const override { return state_->world.Now() + state_->clock_error; }
  Future<Done> Sleep(Duration duration) override;
  // In the order of the calls.
  void Post(std::function<void()> fn) override;

  void set_clock_error(Duration error) { state_->clock_error = error; }
  Duration clock_error() const { return state_->clock_error; }
  void StallFor(Duration duration) const;

  // Hands something to a process: after the delay, once it runs, unless it is dead by then.
  // Outlives the process.
  class Mailbox;
  Mailbox mailbox() const;

 private:
  struct State {
    explicit State(SimScheduler& of) : world(of) {}
    SimScheduler& world;
    Duration clock_error{};
    bool dead = false;
    Time stalled_until;
    bool waking = false;                      // the event that hands out what was held is under way
    std::deque<std::function<void()>> held;   // what came in while it was stalled
    std::deque<std::function<void()>> posts;  // in order
  };
  static void Deliver(const std::shared_ptr<State>& state, Duration delay,
                      std::function<void()> fn);
  static void Receive(const std::shared_ptr<State>& state, std::function<void()> fn);
  static void HandOut(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
};

class SimProcess::Mailbox {
 public:
  void Deliver(Duration delay, std::function<void()> fn) const {
    SimProcess::Deliver(state_, delay, std::move(fn));
  }
  SimScheduler& world() const { return state_->world; }
  // The process's wall clock.
  Time Now() const { return state_->world.Now() + state_->clock_error; }
  bool dead() const { return state_->dead; }

 private:
  friend class SimProcess;
  explicit Mailbox(std::shared_ptr<State> state) : state_(std::move(state)) {}
  std::shared_ptr<State> state_;
};

inline SimProcess::Mailbox SimProcess::mailbox() const { return Mailbox(state_); }

}  // namespace epigrid
