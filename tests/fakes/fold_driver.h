// FoldDriver: a service's fold over all its shards in memory, without log, projector or Redis: an
// event goes in, what it emits to the inbox is carried to its shard, and so on until nothing moves.
//
//   FoldDriver driver(fold, 8);
//   Outcome outcome = driver.Send(person_id, event);
//   driver.Get(person_id, keys::Person(person_id));
//   driver.TakePublished();
//
// It holds the fold to the projector's rules: what is touched was named, at most kWritesPerEventMax
// writes an event, an index only gains what it lacks and loses what it has. Used by one thread.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/projector/fold.h"

namespace epigrid {

class FoldDriver {
 public:
  FoldDriver(const Fold& fold, uint32_t shard_count) : fold_(fold), shards_(shard_count) {}

  // The answer of this event itself; OK with an empty result if it gave none.
  Outcome Send(const std::string& entity, Event event);

  // A string cell; nullopt: there is none.
  std::optional<std::string> Get(const std::string& entity, const std::string& key) const;
  std::map<std::string, std::string> Members(const std::string& entity,
                                             const std::string& key) const;
  std::set<std::string> Index(const std::string& entity, const std::string& key) const;

  // What was published, and what was ignored, since the last call.
  std::vector<Emission> TakePublished() { return std::exchange(published_, {}); }
  std::vector<std::string> TakeIgnored() { return std::exchange(ignored_, {}); }

  // Of every event from here on.
  Time recorded_at = Time::FromSeconds(1'640'000'000);

 private:
  struct ShardState {
    Offset end = 0;
    std::map<std::string, std::string> strings;
    std::map<std::string, std::map<std::string, std::string>> hashes;
    std::map<std::string, std::set<std::string>> indexes;
  };

  Outcome Fold(Shard shard, Event event);
  CellFound Read(const ShardState& state, const CellRead& read) const;
  void Write(ShardState& state, const CellWrite& write);
  ShardState& StateOf(const std::string& entity) {
    return shards_[ShardOf(entity, static_cast<uint32_t>(shards_.size()))];
  }
  const ShardState& StateOf(const std::string& entity) const {
    return shards_[ShardOf(entity, static_cast<uint32_t>(shards_.size()))];
  }

  const epigrid::Fold& fold_;
  std::vector<ShardState> shards_;
  std::deque<Emission> under_way_;
  std::vector<Emission> published_;
  std::vector<std::string> ignored_;
};

}  // namespace epigrid
