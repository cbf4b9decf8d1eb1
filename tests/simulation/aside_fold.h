// AsideFold: folds one shard from the log's first record to its last, one record at a time, in
// memory and without faults: what the view must be, and what must have been emitted.
//
// It decides by itself whether a record is a repetition (its position was seen before) and compares
// that with what the high-water marks say: a record that was never seen and is below its mark would
// be an effect that is lost.
//
//   AsideFold aside(fold, shard, shard_count, parked_in_log);
//   aside.Fold(records);
//   aside.state(), aside.emitted(), aside.digests(), aside.problems()
//
// Threads: one.
#pragma once

#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "common/projector/record_folder.h"
#include "tests/fakes/sim_view.h"

namespace epigrid {

class AsideFold {
 public:
  // `parked`: the reasons that stand in the log's metadata, by offset.
  AsideFold(const Fold& fold, Shard shard, uint32_t shard_count,
            std::map<Offset, std::string> parked);

  void Fold(const std::vector<LogRecord>& records);

  const ShardImage& state() const { return state_; }
  const std::vector<NewRecord>& emitted() const { return emitted_; }
  // After each record.
  struct After {
    Digest digest;
    Time shard_time;
  };
  const std::map<Offset, After>& after() const { return after_; }
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  void FoldRecord(const LogRecord& record, const std::vector<LogRecord>& all);
  void AddSteps(GatheredRecord& gathered, const std::vector<LogRecord>& all);
  void Load(const NeedSet& needs);
  void CheckRepeated(const GatheredRecord& gathered);

  const epigrid::Fold& fold_;
  const std::map<Offset, std::string> parked_;
  RecordFolder folder_;
  ShardImage state_;
  std::vector<NewRecord> emitted_;
  std::map<Offset, After> after_;
  std::vector<std::string> problems_;
  std::set<std::tuple<std::string, uint32_t, uint64_t, uint32_t>> seen_;  // positions
};

}  // namespace epigrid
