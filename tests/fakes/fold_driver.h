// FoldDriver: runs a fold over several shards in memory, for tests of folds: no log, no Redis, no
// time of its own.
//
//   FoldDriver driver(fold, 8);
//   Outcome outcome = driver.Send(person_id, event);      // and all that follows from it
//   driver.Get(person_id, keys::Person(person_id));
//   driver.TakePublished();
//
//   driver.Append(person_id, one);                        // or: several at once, in any order
//   driver.Append(setting_id, other);
//   driver.Run();                                         // until no shard has anything to do
//   driver.Tick(now);                                     // timers fire, and all that follows
//
//   driver.MoveTime(now);                                 // timers are due
//   driver.Append(person_id, event);
//   driver.Run();                                         // events and timers, in any order
//
// It keeps the projector's contract and holds the fold to it: cells are loaded as Needs names them
// and dropped as if the cache were small, an event writes at most kWritesPerEventMax cells, what a
// shard emits to another arrives in order. In which order the shards take their turns, and whether
// one fires a timer that is due or takes its next event first, is drawn from a seed, so that a test
// can run many interleavings.
//
// Threads: one.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/projector/cells.h"
#include "common/projector/fold.h"

namespace epigrid {

class FoldDriver {
 public:
  // What a shard's view would hold.
  struct Stored {
    std::map<std::string, std::string> strings;
    std::map<std::string, std::map<std::string, std::string>> members;
    std::map<std::string, std::set<std::string>> indexes;
    std::map<std::string, Time> timers;
  };

  // The fold outlives it. `seed`: of the shards' turns.
  FoldDriver(const Fold& fold, uint32_t shard_count, uint64_t seed = 0);

  // Of every event from here on.
  Time recorded_at = Time::FromSeconds(1'640'000'000);

  // How seldom a shard's loaded cells are dropped: often enough that every test sees cold reads;
  // long runs may want it seldomer.
  uint64_t drop_one_in = 16;

  // One event and all that follows from it and from what is queued. The answer of this event
  // itself; OK with an empty result if it gave none.
  Outcome Send(const std::string& entity, Event event);
  // To every shard. Queued as an event is; run by Run.
  void Configure(const std::string& configuration);
  // One event to the entity's shard; its number, for outcome().
  size_t Append(const std::string& entity, Event event);
  // Several events of one record to the entity's shard; run by Run.
  void AppendTogether(const std::string& entity, std::vector<Event> events);
  // Another service's event, to where the fold routes it, if it does.
  void Foreign(const Event& event);
  // Moves every shard's time on: what is due then fires one timer at a turn, among the events.
  void MoveTime(Time time);
  // Runs what is queued, moves every shard's time on, and runs all that follows.
  void Tick(Time time);
  // Takes turns until no shard has anything queued or due. True: something was done.
  bool Run();
  // One event or timer of one shard; false: nothing is queued or due.
  bool Step();

  // All that was published on the topic, in the order in which it was.
  std::vector<Event> published(std::string_view topic) const;
  // What was published since the last call.
  std::vector<Emission> TakePublished() { return std::exchange(published_, {}); }
  // The answer to the command of that number, if the fold gave one.
  const Outcome* outcome(size_t number) const;
  // What was ignored since the last call.
  std::vector<std::string> TakeIgnored() { return std::exchange(ignored_, {}); }
  size_t events_folded() const { return events_folded_; }
  // The most that one event or timer has emitted: larger work has to go on by itself.
  size_t emissions_max() const { return emissions_max_; }

  const Stored& stored(Shard shard) const { return shards_[shard].stored; }
  const Stored& stored_of(std::string_view entity) const { return stored(ShardOfEntity(entity)); }
  // A string cell; nullopt: there is none.
  std::optional<std::string> Get(std::string_view entity, const std::string& key) const;
  std::map<std::string, std::string> Members(std::string_view entity, const std::string& key) const;
  std::set<std::string> Index(std::string_view entity, const std::string& key) const;
  // Equal states have equal digests.
  Digest digest(Shard shard) const { return shards_[shard].digest; }
  // The same, counted anew from what is stored: differs if the fold told Cells something untrue.
  Digest Recounted(Shard shard) const;
  uint32_t shard_count() const { return static_cast<uint32_t>(shards_.size()); }

 private:
  struct Queued {
    Event event;
    std::optional<size_t> number;
    Time recorded_at;
    uint32_t event_index = 0;  // within its record
  };
  struct ShardState {
    Stored stored;
    Cells cells;
    Digest digest;
    std::deque<Queued> queue;
    std::set<Timer> timers;  // those of `stored`, in the order in which they fire
    Offset offset = 0;
    Time time;

    bool has_due() const { return !timers.empty() && timers.begin()->due <= time; }
  };

  Shard ShardOfEntity(std::string_view entity) const {
    return ShardOf(entity, static_cast<uint32_t>(shards_.size()));
  }
  void FoldEvent(Shard shard, Queued queued);
  void FireFirst(Shard shard);
  template <typename Needs>
  void LoadAll(ShardState& state, const Needs& needs);
  void Finish(Shard shard, Context& context, std::optional<size_t> number);

  const Fold& fold_;
  std::vector<ShardState> shards_;
  std::mt19937_64 turns_;
  size_t commands_ = 0;
  size_t events_folded_ = 0;
  size_t emissions_max_ = 0;
  std::map<size_t, Outcome> outcomes_;
  std::vector<Emission> published_;
  std::vector<std::string> ignored_;
};

}  // namespace epigrid
