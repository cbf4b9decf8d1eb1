#include "services/notification/domain/notification_fold.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "common/base/ids.h"
#include "common/base/proto_time.h"
#include "services/notification/domain/testing/mailbox_shard.h"
#include "services/notification/view/keys.h"

namespace epigrid::notification {
namespace {

using health_code::v1::COLOUR_RED;
using health_code::v1::COLOUR_YELLOW;
using health_code::v1::MEASURE_CENTRAL;
using health_code::v1::MEASURE_HOME;
using testing::ElementsAre;

Event CodeChanged(const std::string& person_id, uint64_t version) {
  Event event;
  events::v1::CodeChanged& changed = *event.mutable_code_changed();
  changed.set_person_id(person_id);
  changed.set_version(version);
  changed.set_colour(COLOUR_RED);
  changed.set_measure(MEASURE_CENTRAL);
  changed.set_previous_colour(COLOUR_YELLOW);
  changed.set_previous_measure(MEASURE_HOME);
  for (const char* rule : {"CLOSE_CONTACT", "PLACE_EXPOSURE", "CLOSE_CONTACT"}) {
    changed.add_reasons()->set_rule(rule);
  }
  return event;
}

std::string MessageIdOf(const std::string& person_id, uint64_t version) {
  return DeriveId(kMessageId, {"code", person_id, std::to_string(version)});
}

TEST(NotificationFoldTest, MakesOneMessageOfAChange) {
  MailboxShard shard;
  EXPECT_TRUE(shard.Fold(CodeChanged("person_a", 7)).empty());
  const v1::Message message = shard.Message("person_a", MessageIdOf("person_a", 7));
  EXPECT_EQ(message.person_id(), "person_a");
  EXPECT_EQ(message.template_name(), "code_changed");
  EXPECT_EQ(message.colour(), COLOUR_RED);
  EXPECT_EQ(message.measure(), MEASURE_CENTRAL);
  EXPECT_THAT(message.rules(), ElementsAre("CLOSE_CONTACT", "PLACE_EXPOSURE"));
  EXPECT_EQ(FromProto(message.create_time()), shard.now);

  EXPECT_THAT(shard.Fold(CodeChanged("person_a", 7)), ElementsAre("MESSAGE_KNOWN"));
  EXPECT_EQ(shard.CountMessages("person_a"), 1u);
}

TEST(NotificationFoldTest, TellsOfANewExposureWhereTheCodeStays) {
  MailboxShard shard;
  Event event = CodeChanged("person_a", 8);
  event.mutable_code_changed()->set_previous_colour(COLOUR_RED);
  event.mutable_code_changed()->set_previous_measure(MEASURE_CENTRAL);
  event.mutable_code_changed()->set_newly_exposing_case_id("case_b");
  shard.Fold(event);
  EXPECT_EQ(shard.Message("person_a", MessageIdOf("person_a", 8)).template_name(), "newly_exposed");
}

TEST(NotificationFoldTest, WorksBeforeItIsConfiguredAndTicked) {
  MailboxShard shard;
  const std::string message = shard.Change("person_a", COLOUR_RED);
  EXPECT_TRUE(shard.Start("person_a", message, "one"));
  EXPECT_TRUE(shard.Finish("person_a", message, "one", v1::ATTEMPT_OUTCOME_DELIVERED));
}

TEST(NotificationFoldTest, AConfigurationThatIsNoneDoesNotComeIntoForce) {
  MailboxShard shard;
  state::v1::SendingConfiguration zeros = DefaultSendingConfiguration();
  zeros.clear_expire_after_hours();
  for (const std::string& bytes : {std::string("\xff"), zeros.SerializeAsString()}) {
    Event event;
    event.mutable_configured()->set_configuration(bytes);
    EXPECT_THAT(shard.Fold(event), ElementsAre("CONFIGURATION_INVALID"));
  }
  EXPECT_TRUE(shard.Fold(CodeChanged("person_a", 7)).empty());
  EXPECT_EQ(shard.Message("person_a", MessageIdOf("person_a", 7)).state(), v1::MESSAGE_STATE_DUE);
}

TEST(NotificationFoldTest, CountsWhatItRefuses) {
  MailboxShard shard;
  Event started;
  started.mutable_attempt_started()->set_person_id("person_a");
  started.mutable_attempt_started()->set_message_id("message_a");
  EXPECT_THAT(shard.Fold(started), ElementsAre("ATTEMPT_REFUSED"));
  Event finished;
  finished.mutable_attempt_finished()->set_person_id("person_a");
  finished.mutable_attempt_finished()->set_message_id("message_a");
  EXPECT_THAT(shard.Fold(finished), ElementsAre("ATTEMPT_UNKNOWN"));
  Event foreign;
  foreign.mutable_case_changed();
  EXPECT_THAT(shard.Fold(foreign), ElementsAre("EVENT_NOT_OF_THIS_SERVICE"));
  Event of_nobody;
  of_nobody.mutable_attempt_finished()->set_message_id("message_a");
  EXPECT_THAT(shard.Fold(of_nobody), ElementsAre("EVENT_NOT_OF_THIS_SERVICE"));
}

TEST(NotificationFoldTest, RoutesCodeChangesToTheirPerson) {
  const NotificationFold fold;
  EXPECT_EQ(fold.Route(CodeChanged("person_a", 1)), "person_a");
  EXPECT_THAT(fold.subscriptions(), ElementsAre("health_code.code.v1"));
  Event other;
  other.mutable_exposure_changed()->set_person_id("person_a");
  EXPECT_EQ(fold.Route(other), "");
  EXPECT_THAT(fold.Entities(CodeChanged("person_a", 1)), ElementsAre("person_a"));
  EXPECT_TRUE(fold.Entities(other).empty());
}

// Whatever happens in whatever order: the digest stays exact (MailboxShard checks it after each
// event), at most one message a person is offered or being sent, and a replay gives the same state.
class RandomHistoryTest : public testing::TestWithParam<int> {};

TEST_P(RandomHistoryTest, KeepsIndexesTimersAndDigest) {
  std::mt19937 random(static_cast<unsigned>(GetParam()));
  auto below = [&](size_t n) { return std::uniform_int_distribution<size_t>(0, n - 1)(random); };
  const std::vector<std::string> people = {"person_a", "person_b", "person_c"};
  MailboxShard shard;
  state::v1::SendingConfiguration configuration = DefaultSendingConfiguration();
  configuration.set_attempts_max(4);
  configuration.set_expire_after_hours(1);
  shard.Configure(configuration);
  std::vector<std::pair<std::string, std::string>> made;
  for (int step = 0; step < 600; ++step) {
    const std::string& person = people[below(people.size())];
    switch (below(6)) {
      case 0: made.emplace_back(person, shard.Change(person, COLOUR_RED)); break;
      case 1:
      case 2:
        if (!made.empty()) {
          const auto& [of, message] =
              made[made.size() - 1 - below(std::min<size_t>(6, made.size()))];
          shard.Start(of, message, "attempt-" + std::to_string(step));
        }
        break;
      case 3:
      case 4:
        for (const auto& [of, message] : made) {
          const auto stored = shard.Find(of, message);
          if (!stored.has_value() || stored->message().attempts().empty() || below(4) != 0)
            continue;
          shard.Finish(of, message, stored->message().attempts().rbegin()->attempt_id(),
                       static_cast<v1::AttemptOutcome>(1 + below(3)), "HTTP_500");
        }
        break;
      default:
        if (below(2) == 0) shard.DropCache();
        shard.Tick(shard.now + std::chrono::seconds(1 + below(90)));
        break;
    }
    std::set<std::string> under_way;
    for (const auto& items : {shard.offered(), shard.started()}) {
      for (const std::string& item : items) {
        EXPECT_TRUE(under_way.insert(keys::SplitWorkItem(item).first).second) << item;
      }
    }
  }
  MailboxShard replayed;
  replayed.Replay(shard.log());
  EXPECT_EQ(replayed.digest(), shard.digest());
  EXPECT_EQ(replayed.published(), shard.published());

  // In the end nothing is under way for ever.
  shard.Tick(shard.now + std::chrono::hours(2));
  shard.Tick(shard.now + std::chrono::hours(2));
  EXPECT_TRUE(shard.offered().empty());
  EXPECT_TRUE(shard.started().empty());
  EXPECT_TRUE(shard.timers().empty());
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomHistoryTest, testing::Range(0, 8));

}  // namespace
}  // namespace epigrid::notification
