// Whoever loses a shard alive: of a fold that takes longer than a lease nothing may be parked, and
// a rebuild that moves on from owner to owner is not given up.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "common/projector/shard_projector.h"
#include "tests/fakes/counting_fold.h"
#include "tests/simulation/sim_service.h"
#include "tests/simulation/witness_fold.h"

namespace epigrid {
namespace {

constexpr char kService[] = "counting";
const TopicShard kInbox{"counting.inbox", 0};
constexpr size_t kRounds = 30;  // many more than there are deaths until a record is parked

class LostLeaseTest : public ::testing::TestWithParam<size_t> {
 protected:
  std::unique_ptr<SimInstance> Owner(const std::string& name) {
    ProjectorHostOptions options;
    options.instance = name;
    options.shard_count = 1;
    const auto never_ends = [this](const Event& event) {
      in_hand_ = slow_ && event.has_membership_stated();
      return in_hand_;
    };
    auto fold = std::make_unique<WitnessFold>(std::make_unique<CountingFold>(kService), never_ends);
    return std::make_unique<SimInstance>(world_, storage_, views_, std::move(fold), options,
                                         Duration(), nullptr);
  }
  // Of so many owners each has had the shard, and lost it.
  std::vector<std::unique_ptr<SimInstance>> Owners() {
    std::vector<std::unique_ptr<SimInstance>> owners;
    for (size_t i = 0; i < GetParam(); ++i) {
      owners.push_back(Owner(fmt::format("owner-{}", i)));
      world_.RunUntil([&] { return owners[i]->assignment.owns(0) && AtEnd(); }, 100'000);
      owners[i]->assignment.Take(0, Revocation::kLeaseLost);
    }
    return owners;
  }
  void Append(SimInstance& by, Event event) {
    auto producer = by.log.NewProducer();
    Envelope envelope;
    envelope.set_schema_version(kSchemaVersion);
    *envelope.add_events() = std::move(event);
    auto appended = producer->Append({{kInbox, "", envelope.SerializeAsString()}});
    world_.RunUntil([&] { return appended.ready(); });
  }
  void End(std::vector<std::unique_ptr<SimInstance>> owners) {
    owners.clear();
    while (world_.Step()) {
    }
  }
  bool AtEnd() {
    const ShardImage* live = views_.Live(0);
    return live != nullptr && live->meta.applied == storage_.shard(kInbox).end;
  }

  SimScheduler world_{1};
  SimLogStorage storage_{world_};
  SimViewStorage views_;
  bool slow_ = true;
  bool in_hand_ = false;  // the record is being folded
};

// Of so many owners each in turn loses the shard while the record is in hand.
TEST_P(LostLeaseTest, ParksNothing) {
  std::vector<std::unique_ptr<SimInstance>> owners = Owners();
  Append(*owners[0], MembershipStated("home", "person"));
  for (size_t round = 0; round < kRounds; ++round) {
    SimAssignment& assignment = owners[round % owners.size()]->assignment;
    assignment.Give(0);
    world_.RunUntil([&] { return in_hand_ || AtEnd(); }, 1'000'000);
    ASSERT_TRUE(in_hand_) << "it was passed in round " << round;
    in_hand_ = false;
    assignment.Take(0, Revocation::kLeaseLost);
    for (int step = 0; step < 20; ++step) world_.Step();  // who lost it lives on
  }
  slow_ = false;
  owners[0]->assignment.Give(0);
  world_.RunUntil([&] { return AtEnd(); }, 1'000'000);
  EXPECT_TRUE(AtEnd());
  for (const auto& [field, value] : storage_.metadata(kInbox)) {
    EXPECT_FALSE(field.starts_with(kParkedPrefix)) << field << " " << value;
  }
  End(std::move(owners));
}

TEST_P(LostLeaseTest, GivesNoRebuildUp) {
  slow_ = false;
  std::vector<std::unique_ptr<SimInstance>> owners = Owners();
  Event request;
  request.mutable_rebuild_requested()->set_rebuild_id("rebuild");
  Append(*owners[0], std::move(request));
  const auto noted = [this](std::string_view field) {
    const auto& metadata = storage_.metadata(kInbox);
    const auto found = metadata.find(std::string(field));
    return found == metadata.end() ? "" : found->second;
  };
  for (size_t round = 0; round < kRounds; ++round) {
    SimAssignment& assignment = owners[round % owners.size()]->assignment;
    world_.RunUntil([&] {
      assignment.Give(0);  // once it is no longer on its way out
      return assignment.owns(0);
    });
    const std::string before = noted(kRebuildAttemptField);
    world_.RunUntil([&] { return noted(kRebuildAttemptField) != before; }, 1'000'000);
    ASSERT_EQ(noted(kRebuiltField), "") << "it ended in round " << round;
    assignment.Take(0, round % 2 == 0 ? Revocation::kHandover : Revocation::kLeaseLost);
    for (int step = 0; step < 20; ++step) world_.Step();
  }
  world_.RunUntil([&] {
    owners[0]->assignment.Give(0);
    return noted(kRebuiltField) != "";
  });
  EXPECT_EQ(noted(kRebuildDiffersField), "");
  End(std::move(owners));
}
INSTANTIATE_TEST_SUITE_P(OneAndSeveralOwners, LostLeaseTest, ::testing::Values(1, 2, 3));

}  // namespace
}  // namespace epigrid
