#include "common/projector/fold_turns.h"

#include <deque>
#include <utility>

namespace epigrid {

struct FoldTurns::State : std::enable_shared_from_this<State> {
  explicit State(Scheduler& with) : scheduler(with) {}

  bool Take() {
    if (!turn_ends) BeginTurn();
    const Duration since = scheduler.Now() - began;
    // A clock that was set back is no reason to go on.
    if (pieces >= kPiecesMax || since >= kLongest || since < Duration::zero()) return false;
    ++pieces;
    return true;
  }
  void BeginTurn() {
    pieces = 0;
    began = scheduler.Now();
    turn_ends = true;
    scheduler.Post([weak = weak_from_this()] {
      if (const std::shared_ptr<State> state = weak.lock()) state->EndTurn();
    });
  }
  void EndTurn() {
    turn_ends = false;
    while (!line.empty() && Take()) {
      const Promise<Done> next = std::move(line.front());
      line.pop_front();
      next.Set(Done{});
    }
  }

  Scheduler& scheduler;
  Time began;              // this turn
  size_t pieces = 0;       // in it
  bool turn_ends = false;  // its end is posted
  std::deque<Promise<Done>> line;
};

FoldTurns::FoldTurns(Scheduler& scheduler) : state_(std::make_shared<State>(scheduler)) {}

bool FoldTurns::Take() { return state_->Take(); }

Future<Done> FoldTurns::Next() {
  Promise<Done> promise;
  Future<Done> future = promise.future();
  state_->line.push_back(std::move(promise));
  return future;
}

}  // namespace epigrid
