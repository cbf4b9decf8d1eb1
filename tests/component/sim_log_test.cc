// The simulation's log passes the contract of every log.
#include "tests/fakes/sim_log.h"

#include "tests/component/event_log_contract.h"

namespace epigrid {
namespace {

class SimLogUnderTest final : public EventLogUnderTest {
 public:
  explicit SimLogUnderTest(bool torn_appends) : world_(1), process_(world_), storage_(world_) {
    storage_.options.torn_appends = torn_appends;
  }

  std::unique_ptr<EventLog> NewLog() override {
    return std::make_unique<SimLog>(storage_, process_);
  }
  void RunUntil(const std::function<bool()>& condition) override { world_.RunUntil(condition); }

  bool SetFull(bool full) override {
    storage_.SetFull(full);
    return true;
  }
  bool SetFrozen(bool frozen) override {
    if (frozen) {
      storage_.link.frozen = true;
    } else {
      storage_.link.Thaw();
      // What is left over of broken producers lands before the storage answers again.
      world_.RunUntil([&] { return storage_.parts_under_way() == 0; });
    }
    return true;
  }
  bool CrashAndRestart() override {
    storage_.Crash();
    world_.RunUntil([&] { return storage_.parts_under_way() == 0; });
    return true;
  }
  bool SkipTo(const TopicShard& of, Offset offset) override {
    storage_.SkipTo(of, offset);
    return true;
  }
  bool LoseTail(const TopicShard& of, Offset last_kept) override {
    storage_.LoseTail(of, last_kept);
    return true;
  }

 private:
  SimScheduler world_;
  SimProcess process_;
  SimLogStorage storage_;
};

template <bool torn_appends>
std::unique_ptr<EventLogUnderTest> MakeSimLogUnderTest() {
  return std::make_unique<SimLogUnderTest>(torn_appends);
}

INSTANTIATE_TEST_SUITE_P(Sim, EventLogContract, testing::Values(&MakeSimLogUnderTest<false>));
INSTANTIATE_TEST_SUITE_P(TornSim, EventLogContract, testing::Values(&MakeSimLogUnderTest<true>));

}  // namespace
}  // namespace epigrid
