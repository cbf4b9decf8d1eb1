// SimLink: the way between a process and a storage of the simulation, as one connection: requests
// arrive in the order in which they were sent, each takes time there and back, and some are lost on
// either leg. A request whose sender has died or given up may still arrive.
//
//   SimLink link(process.mailbox(), &options);
//   return link.Call<Offset>([&storage] { return storage.End(of); }, "LOG_UNAVAILABLE");
//
// Threads: one.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "common/base/task.h"
#include "tests/fakes/sim_scheduler.h"

namespace epigrid {

// Of a storage, for all its links; may be changed at any time.
struct SimLinkOptions {
  Duration latency_max = std::chrono::milliseconds(1);  // of one leg
  double slow = 0;                                      // of requests: take up to slow_max
  Duration slow_max = std::chrono::seconds(3);
  double lost_request = 0;
  double lost_answer = 0;
  Duration deadline = std::chrono::seconds(2);

  bool frozen = false;                        // nothing that arrives is heeded until it is thawed
  std::deque<std::function<void()>> arrived;  // meanwhile

  void Thaw() {
    frozen = false;
    while (!arrived.empty()) {
      const std::function<void()> next = std::move(arrived.front());
      arrived.pop_front();
      next();
    }
  }
};

class SimLink {
 public:
  SimLink(SimProcess::Mailbox process, SimLinkOptions* options)
      : process_(std::move(process)), options_(options) {}

  // `effect` happens in the storage when the request arrives. A call that fails on the way, or has
  // no answer within the deadline, answers UNAVAILABLE with `reason`.
  template <typename T>
  Future<Result<T>> Call(std::function<Result<T>()> effect, std::string reason) {
    struct Pending {
      bool answered = false;
      Promise<Result<T>> promise;
      void Answer(Result<T> result) {
        if (!std::exchange(answered, true)) promise.Set(std::move(result));
      }
    };
    auto pending = std::make_shared<Pending>();
    Future<Result<T>> future = pending->promise.future();
    SimRandom& random = process_.world().random();
    auto fail = [pending, reason = std::move(reason)] {
      pending->Answer(Unavailable(reason, "the storage does not answer"));
    };
    const bool request_lost = random.Chance(options_->lost_request);
    const bool answer_lost = random.Chance(options_->lost_answer);
    if (request_lost || answer_lost) {
      process_.Deliver(random.Between({}, options_->deadline), fail);
      last_arrival_ = {};  // the connection is another one
      if (request_lost) return future;
    }
    const Duration delay = Delay();
    if (delay >= options_->deadline) process_.Deliver(options_->deadline, fail);
    auto arrive = [process = process_, options = options_, pending, answer_lost,
                   effect = std::move(effect)] {
      Result<T> result = effect();
      if (answer_lost) return;
      process.Deliver(
          process.world().random().Between({}, options->latency_max),
          [pending, result = std::move(result)]() mutable { pending->Answer(std::move(result)); });
    };
    process_.world().After(delay, [process = process_, options = options_, fail,
                                   arrive = std::move(arrive)]() mutable {
      if (!options->frozen) return arrive();
      options->arrived.push_back(std::move(arrive));
      process.Deliver(options->deadline, fail);
    });
    return future;
  }

 private:
  Duration Delay() {
    SimScheduler& world = process_.world();
    const bool slow = options_->slow > 0 && world.random().Chance(options_->slow);
    const Duration delay =
        world.random().Between({}, slow ? options_->slow_max : options_->latency_max);
    const Time arrival = std::max(world.Now() + delay, last_arrival_ + Duration(1));
    last_arrival_ = arrival;
    return arrival - world.Now();
  }

  const SimProcess::Mailbox process_;
  SimLinkOptions* const options_;
  Time last_arrival_;
};

}  // namespace epigrid
