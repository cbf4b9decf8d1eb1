// KafkaGroup on a real broker: the contract of Assignment, and what is its own.
#include "common/event_log/kafka_group.h"

#include "common/kafka/testing/kafka_server.h"
#include "common/kafka/topics.h"
#include "tests/component/assignment_contract.h"

namespace epigrid {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// One for all tests of this process.
KafkaServer& Server() {
  static KafkaServer server;
  return server;
}

class GroupUnderTest final : public AssignmentUnderTest {
 public:
  GroupUnderTest() {
    static int count = 0;
    name_ = "test-" + std::to_string(++count);
    MakeTopic();
  }
  void MakeTopic() {
    const KafkaClient admin =
        NewKafkaClient(RD_KAFKA_PRODUCER, Server().options(), {}, RD_KAFKA_EVENT_NONE).value();
    const Status made = EnsureKafkaTopics(
        admin.get(), KafkaTopicCare::kCreate,
        {{.name = name_, .partitions = kAssignedShards, .replication = 1, .settings = {}}},
        seconds(10));
    EPIGRID_CHECK(made.ok(), made.ToString());
  }
  ~GroupUnderTest() override {
    if (killed_) Server().Start();
  }

  std::unique_ptr<Assignment> Join(EventLoop& loop, const std::string& name,
                                   Duration patience) override {
    KafkaGroupOptions options;
    options.kafka = Server().options();
    options.kafka.client_id = name;
    options.group = name_;
    options.topic = name_;
    options.session_timeout = patience;
    return std::make_unique<KafkaGroup>(loop, options);
  }
  void DeleteTopic() const {
    const KafkaClient admin =
        NewKafkaClient(RD_KAFKA_PRODUCER, Server().options(), {}, RD_KAFKA_EVENT_NONE).value();
    const KafkaQueue queue(rd_kafka_queue_new(admin.get()));
    rd_kafka_DeleteTopic_t* topic = rd_kafka_DeleteTopic_new(name_.c_str());
    rd_kafka_DeleteTopics(admin.get(), &topic, 1, nullptr, queue.get());
    rd_kafka_DeleteTopic_destroy(topic);
    const auto answer = AwaitKafkaAnswer(queue.get(), seconds(30), "delete a topic");
    EPIGRID_CHECK(answer.ok(), answer.status().ToString());
  }
  void Kill() override {
    Server().Kill();
    killed_ = true;
  }
  Duration Short() const override { return milliseconds(1'500); }

 private:
  std::string name_;
  bool killed_ = false;
};

std::unique_ptr<AssignmentUnderTest> MakeGroupUnderTest() {
  return std::make_unique<GroupUnderTest>();
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(KafkaGroup, AssignmentContract, testing::Values(&MakeGroupUnderTest));

namespace {

// What stays where it was is not interrupted when another one comes and goes.
TEST(KafkaGroup, AShardThatStaysIsNeverRevoked) {
  GroupUnderTest group;
  Instance a(group, "a", group.Long());
  WaitUntil([&] { return Shared({&a}); });
  const std::set<Shard> before = a.working();
  Instance b(group, "b", group.Long());
  WaitUntil([&] { return Shared({&a, &b}); });
  const std::set<Shard> kept = a.working();
  b.assignment().Stop().Wait();
  WaitUntil([&] { return Shared({&a}); });
  EXPECT_EQ(a.revoked_count(), before.size() - kept.size());
  EXPECT_THAT(a.lost(), testing::IsEmpty());
}

// What a leader does whose broker does not know the topic.
TEST(KafkaGroup, AGroupThatWasGivenNothingAsksAgain) {
  GroupUnderTest group;
  Instance a(group, "a", group.Long()), b(group, "b", group.Long());
  WaitUntil([&] { return Shared({&a, &b}); });
  group.DeleteTopic();
  b.assignment().Stop().Wait();
  WaitUntil([&] { return a.working().empty(); });
  group.MakeTopic();
  WaitUntil([&] { return Shared({&a}); });
}

TEST(KafkaGroup, ASilentBrokerTakesNothingForASessionAndGivesItBackThen) {
  GroupUnderTest group;
  Instance a(group, "a", group.Short());
  WaitUntil([&] { return Shared({&a}); });
  Server().Pause();
  WaitUntil([&] { return a.lost().size() == kAssignedShards; });
  EXPECT_THAT(a.working(), testing::IsEmpty());
  Server().Resume();
  WaitUntil([&] { return Shared({&a}); });
}

}  // namespace
}  // namespace epigrid
