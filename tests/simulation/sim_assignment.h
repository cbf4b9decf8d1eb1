// SimAssignment: an assignment of shards that does as the simulation says. Two instances may own
// the same shard: correctness never depends on it.
//
// Threads: one.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "common/event_log/assignment.h"
#include "tests/fakes/sim_scheduler.h"

namespace epigrid {

class SimAssignment final : public Assignment {
 public:
  // Gives every shard as soon as it is started.
  SimAssignment(const SimProcess& process, uint32_t shard_count)
      : process_(process.mailbox()), shard_count_(shard_count) {}

  void Start(ShardOwner* owner) override {
    owner_ = owner;
    for (Shard shard = 0; shard < shard_count_; ++shard) Give(shard);
  }
  Future<Done> Stop() override {
    stopping_ = true;
    return Run(StopAll());
  }
  Future<Result<std::map<Shard, std::string>>> Owners() override {
    return Ready(Result<std::map<Shard, std::string>>(
        Unavailable("ASSIGNMENT_UNAVAILABLE", "the simulation does not say")));
  }

  bool owns(Shard shard) const { return owned_.contains(shard); }
  // Nothing happens to a shard that is on its way in or out.
  void Give(Shard shard) {
    if (owner_ == nullptr || stopping_ || owned_.contains(shard) || leaving_.contains(shard)) {
      return;
    }
    owned_.insert(shard);
    owner_->OnAssigned(shard);
  }
  void Take(Shard shard, Revocation why) {
    if (owner_ == nullptr || stopping_ || !owned_.contains(shard)) return;
    Spawn(Revoke(shard, why));
  }

 private:
  Task<void> Revoke(Shard shard, Revocation why) {
    owned_.erase(shard);
    leaving_.insert(shard);
    co_await owner_->OnRevoked(shard, why);
    leaving_.erase(shard);
  }
  Task<Done> StopAll() {
    while (!owned_.empty()) co_await Revoke(*owned_.begin(), Revocation::kHandover);
    co_return Done{};
  }

  const SimProcess::Mailbox process_;
  const uint32_t shard_count_;
  ShardOwner* owner_ = nullptr;
  bool stopping_ = false;
  std::set<Shard> owned_;
  std::set<Shard> leaving_;
};

}  // namespace epigrid
