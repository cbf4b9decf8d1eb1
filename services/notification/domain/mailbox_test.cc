#include "services/notification/domain/mailbox.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "common/base/proto_time.h"
#include "services/notification/domain/testing/mailbox_shard.h"
#include "services/notification/view/keys.h"

namespace epigrid::notification {
namespace {

using health_code::v1::COLOUR_GREEN;
using health_code::v1::COLOUR_RED;
using health_code::v1::COLOUR_YELLOW;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const std::string kPerson = "person_a";

class MailboxTest : public testing::Test {
 protected:
  MailboxTest() {
    shard_.Configure(DefaultSendingConfiguration());
    shard_.Tick(shard_.now);
  }

  v1::MessageState StateOf(const std::string& message_id) const {
    return shard_.Message(kPerson, message_id).state();
  }
  std::set<std::string> Item(const std::string& message_id) const {
    return {keys::WorkItem(kPerson, message_id)};
  }
  // Starts an attempt that fails at once.
  void Fail(const std::string& message_id, const std::string& attempt_id) {
    ASSERT_TRUE(shard_.Start(kPerson, message_id, attempt_id));
    ASSERT_TRUE(
        shard_.Finish(kPerson, message_id, attempt_id, v1::ATTEMPT_OUTCOME_FAILED, "HTTP_503"));
  }

  MailboxShard shard_;
};

TEST_F(MailboxTest, OffersANewMessageAndDeliversIt) {
  const std::string message = shard_.Change(kPerson, COLOUR_RED);
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_DUE);
  EXPECT_EQ(shard_.offered(), Item(message));

  ASSERT_TRUE(shard_.Start(kPerson, message, "one"));
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_STARTED);
  EXPECT_TRUE(shard_.offered().empty());
  EXPECT_EQ(shard_.started(), Item(message));

  shard_.now = shard_.now + seconds(1);
  ASSERT_TRUE(shard_.Finish(kPerson, message, "one", v1::ATTEMPT_OUTCOME_DELIVERED));
  const v1::Message delivered = shard_.Message(kPerson, message);
  EXPECT_EQ(delivered.state(), v1::MESSAGE_STATE_DELIVERED);
  EXPECT_EQ(FromProto(delivered.delivered_time()), shard_.now);
  EXPECT_TRUE(shard_.offered().empty());
  EXPECT_TRUE(shard_.started().empty());
  EXPECT_TRUE(shard_.timers().empty());
  EXPECT_EQ(shard_.published(), std::vector<std::string>{message + " MESSAGE_STATE_DELIVERED"});
}

TEST_F(MailboxTest, ANewerMessageSupersedesOneThatWaits) {
  const std::string older = shard_.Change(kPerson, COLOUR_RED);
  const std::string newer = shard_.Change(kPerson, COLOUR_GREEN);
  EXPECT_EQ(StateOf(older), v1::MESSAGE_STATE_SUPERSEDED);
  EXPECT_EQ(shard_.offered(), Item(newer));
  EXPECT_FALSE(shard_.Start(kPerson, older, "one"));
  EXPECT_EQ(shard_.timers().size(), 1u);
}

TEST_F(MailboxTest, ANewerMessageSupersedesOneInBackOff) {
  const std::string older = shard_.Change(kPerson, COLOUR_RED);
  Fail(older, "one");
  const std::string newer = shard_.Change(kPerson, COLOUR_GREEN);
  EXPECT_EQ(StateOf(older), v1::MESSAGE_STATE_SUPERSEDED);
  shard_.Tick(shard_.now + minutes(1));
  EXPECT_EQ(shard_.offered(), Item(newer));
}

TEST_F(MailboxTest, ANewerMessageWaitsUntilTheOneBeingSentHasEnded) {
  const std::string older = shard_.Change(kPerson, COLOUR_RED);
  ASSERT_TRUE(shard_.Start(kPerson, older, "one"));
  const std::string newer = shard_.Change(kPerson, COLOUR_GREEN);
  EXPECT_TRUE(shard_.offered().empty());
  EXPECT_FALSE(shard_.Start(kPerson, newer, "two"));

  ASSERT_TRUE(shard_.Finish(kPerson, older, "one", v1::ATTEMPT_OUTCOME_DELIVERED));
  EXPECT_EQ(StateOf(older), v1::MESSAGE_STATE_DELIVERED);
  EXPECT_EQ(shard_.offered(), Item(newer));
}

TEST_F(MailboxTest, WhatFailsWhileANewerOneWaitsIsSuperseded) {
  for (const v1::AttemptOutcome outcome :
       {v1::ATTEMPT_OUTCOME_FAILED, v1::ATTEMPT_OUTCOME_REFUSED}) {
    const std::string older = shard_.Change(kPerson, COLOUR_RED);
    ASSERT_TRUE(shard_.Start(kPerson, older, "one"));
    const std::string newer = shard_.Change(kPerson, COLOUR_GREEN);
    ASSERT_TRUE(shard_.Finish(kPerson, older, "one", outcome, "HTTP_500"));
    EXPECT_EQ(StateOf(older), v1::MESSAGE_STATE_SUPERSEDED);
    EXPECT_EQ(shard_.offered(), Item(newer));
  }
}

TEST_F(MailboxTest, ACodeStaysOnlyForWhoWasToldIt) {
  const auto sent_as = [&](const std::string& message_id, const std::string& attempt_id) {
    EXPECT_TRUE(shard_.Start(kPerson, message_id, attempt_id));
    return shard_.Message(kPerson, message_id).template_name();
  };
  // The change was not sent before a further case came.
  shard_.Change(kPerson, COLOUR_YELLOW);
  const std::string first = shard_.Expose(kPerson, COLOUR_YELLOW);
  EXPECT_EQ(sent_as(first, "one"), "code_changed");
  // While it is being sent, another; it fails, so that nothing was told yet.
  const std::string second = shard_.Expose(kPerson, COLOUR_YELLOW);
  ASSERT_TRUE(shard_.Finish(kPerson, first, "one", v1::ATTEMPT_OUTCOME_FAILED, "HTTP_503"));
  EXPECT_EQ(StateOf(first), v1::MESSAGE_STATE_SUPERSEDED);
  EXPECT_EQ(sent_as(second, "two"), "code_changed");
  ASSERT_TRUE(shard_.Finish(kPerson, second, "two", v1::ATTEMPT_OUTCOME_REFUSED, "HTTP_410"));
  // That one was given up.
  const std::string third = shard_.Expose(kPerson, COLOUR_YELLOW);
  EXPECT_EQ(sent_as(third, "three"), "code_changed");
  ASSERT_TRUE(shard_.Finish(kPerson, third, "three", v1::ATTEMPT_OUTCOME_DELIVERED));
  const std::string fourth = shard_.Expose(kPerson, COLOUR_YELLOW);
  EXPECT_EQ(sent_as(fourth, "four"), "newly_exposed");
  // Red and back, of which nothing was sent: the code is what was told.
  ASSERT_TRUE(shard_.Finish(kPerson, fourth, "four", v1::ATTEMPT_OUTCOME_DELIVERED));
  shard_.Change(kPerson, COLOUR_RED);
  const std::string fifth = shard_.Expose(kPerson, COLOUR_RED);
  EXPECT_EQ(sent_as(fifth, "five"), "code_changed");
}

TEST_F(MailboxTest, ALateDeliveryOfAnOlderMessageTellsNothingNewer) {
  const std::string older = shard_.Change(kPerson, COLOUR_RED);
  ASSERT_TRUE(shard_.Start(kPerson, older, "one"));
  const std::string newer = shard_.Change(kPerson, COLOUR_YELLOW);
  shard_.Tick(shard_.now + seconds(60));
  ASSERT_TRUE(shard_.Start(kPerson, newer, "two"));
  ASSERT_TRUE(shard_.Finish(kPerson, newer, "two", v1::ATTEMPT_OUTCOME_DELIVERED));
  ASSERT_TRUE(shard_.Finish(kPerson, older, "one", v1::ATTEMPT_OUTCOME_DELIVERED));
  const std::string further = shard_.Expose(kPerson, COLOUR_YELLOW);
  ASSERT_TRUE(shard_.Start(kPerson, further, "three"));
  EXPECT_EQ(shard_.Message(kPerson, further).template_name(), "newly_exposed");
}

TEST_F(MailboxTest, OnlyTheNewestOfManyIsSent) {
  const std::string sent = shard_.Change(kPerson, COLOUR_RED);
  ASSERT_TRUE(shard_.Start(kPerson, sent, "one"));
  const std::string second = shard_.Change(kPerson, COLOUR_GREEN);
  const std::string third = shard_.Change(kPerson, COLOUR_YELLOW);
  shard_.Tick(shard_.now + seconds(61));
  EXPECT_EQ(StateOf(sent), v1::MESSAGE_STATE_SUPERSEDED);
  EXPECT_EQ(StateOf(second), v1::MESSAGE_STATE_SUPERSEDED);
  EXPECT_EQ(shard_.offered(), Item(third));
}

TEST_F(MailboxTest, RefusesASecondAttemptAndUnknownOnes) {
  const std::string message = shard_.Change(kPerson, COLOUR_RED);
  ASSERT_TRUE(shard_.Start(kPerson, message, "one"));
  EXPECT_FALSE(shard_.Start(kPerson, message, "two"));
  EXPECT_FALSE(shard_.Start(kPerson, "message_unknown", "two"));
  EXPECT_FALSE(shard_.Start(kPerson, "", "two"));
  EXPECT_FALSE(shard_.Finish(kPerson, message, "two", v1::ATTEMPT_OUTCOME_DELIVERED));
  EXPECT_FALSE(shard_.Finish(kPerson, "message_unknown", "one", v1::ATTEMPT_OUTCOME_DELIVERED));
  EXPECT_EQ(shard_.Message(kPerson, message).attempts_size(), 1);
  ASSERT_TRUE(shard_.Finish(kPerson, message, "one", v1::ATTEMPT_OUTCOME_DELIVERED));
  EXPECT_FALSE(shard_.Finish(kPerson, message, "one", v1::ATTEMPT_OUTCOME_FAILED));
  EXPECT_FALSE(shard_.Start(kPerson, message, "three"));
}

TEST_F(MailboxTest, AFailedMessageBacksOffAndIsOfferedAgain) {
  const std::string message = shard_.Change(kPerson, COLOUR_RED);
  Fail(message, "one");
  const v1::Message failed = shard_.Message(kPerson, message);
  EXPECT_EQ(failed.state(), v1::MESSAGE_STATE_DUE);
  EXPECT_EQ(FromProto(failed.due_time()),
            shard_.now + BackoffAfter(v1::ATTEMPT_OUTCOME_FAILED, 1, message,
                                      DefaultSendingConfiguration()));
  EXPECT_EQ(failed.attempts(0).reason(), "HTTP_503");
  EXPECT_TRUE(shard_.offered().empty());
  EXPECT_FALSE(shard_.Start(kPerson, message, "two"));

  shard_.Tick(FromProto(failed.due_time()));
  EXPECT_EQ(shard_.offered(), Item(message));
  EXPECT_FALSE(shard_.Message(kPerson, message).has_due_time());
  EXPECT_TRUE(shard_.Start(kPerson, message, "two"));
}

TEST_F(MailboxTest, ARefusedMessageIsGivenUp) {
  const std::string message = shard_.Change(kPerson, COLOUR_RED);
  ASSERT_TRUE(shard_.Start(kPerson, message, "one"));
  ASSERT_TRUE(shard_.Finish(kPerson, message, "one", v1::ATTEMPT_OUTCOME_REFUSED, "HTTP_410"));
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_UNDELIVERABLE);
  EXPECT_TRUE(shard_.timers().empty());
  EXPECT_EQ(shard_.published().back(), message + " MESSAGE_STATE_UNDELIVERABLE");
}

TEST_F(MailboxTest, GivesUpAfterTheLastAttempt) {
  state::v1::SendingConfiguration configuration = DefaultSendingConfiguration();
  configuration.set_attempts_max(3);
  shard_.Configure(configuration);
  const std::string message = shard_.Change(kPerson, COLOUR_RED);
  Fail(message, "one");
  shard_.Tick(shard_.now + minutes(1));
  Fail(message, "two");
  shard_.Tick(shard_.now + minutes(1));
  Fail(message, "three");
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_UNDELIVERABLE);
  EXPECT_TRUE(shard_.timers().empty());
}

TEST_F(MailboxTest, AnAttemptWithoutAResultIsAbandonedAndSentAgain) {
  const std::string message = shard_.Change(kPerson, COLOUR_RED);
  ASSERT_TRUE(shard_.Start(kPerson, message, "one"));
  shard_.Tick(shard_.now + seconds(59));
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_STARTED);
  shard_.Tick(shard_.now + seconds(1));
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_DUE);
  EXPECT_EQ(shard_.Message(kPerson, message).attempts(0).outcome(), v1::ATTEMPT_OUTCOME_ABANDONED);
  EXPECT_EQ(shard_.offered(), Item(message));
  EXPECT_TRUE(shard_.Start(kPerson, message, "two"));
}

TEST_F(MailboxTest, ALateDeliveryCountsWhereverTheMessageIs) {
  const std::string waiting = shard_.Change(kPerson, COLOUR_RED);
  ASSERT_TRUE(shard_.Start(kPerson, waiting, "one"));
  shard_.Tick(shard_.now + seconds(60));
  EXPECT_FALSE(shard_.Finish(kPerson, waiting, "one", v1::ATTEMPT_OUTCOME_FAILED));
  EXPECT_TRUE(shard_.Finish(kPerson, waiting, "one", v1::ATTEMPT_OUTCOME_DELIVERED));
  EXPECT_EQ(StateOf(waiting), v1::MESSAGE_STATE_DELIVERED);
  EXPECT_TRUE(shard_.offered().empty());
  EXPECT_TRUE(shard_.timers().empty());

  const std::string superseded = shard_.Change(kPerson, COLOUR_RED);
  ASSERT_TRUE(shard_.Start(kPerson, superseded, "two"));
  const std::string newest = shard_.Change(kPerson, COLOUR_GREEN);
  shard_.Tick(shard_.now + seconds(60));
  EXPECT_EQ(StateOf(superseded), v1::MESSAGE_STATE_SUPERSEDED);
  EXPECT_TRUE(shard_.Finish(kPerson, superseded, "two", v1::ATTEMPT_OUTCOME_DELIVERED));
  EXPECT_EQ(StateOf(superseded), v1::MESSAGE_STATE_DELIVERED);
  EXPECT_EQ(shard_.offered(), Item(newest));
}

TEST_F(MailboxTest, ALateDeliveryOfAnAttemptBeforeTheLastIsIgnored) {
  const std::string message = shard_.Change(kPerson, COLOUR_RED);
  ASSERT_TRUE(shard_.Start(kPerson, message, "one"));
  shard_.Tick(shard_.now + seconds(60));
  ASSERT_TRUE(shard_.Start(kPerson, message, "two"));
  EXPECT_FALSE(shard_.Finish(kPerson, message, "one", v1::ATTEMPT_OUTCOME_DELIVERED));
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_STARTED);
}

TEST_F(MailboxTest, AMessageThatNobodyTakesExpires) {
  const std::string message = shard_.Change(kPerson, COLOUR_RED);
  const Time created = shard_.now;
  shard_.Tick(created + hours(24) - seconds(1));
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_DUE);
  shard_.Tick(created + hours(24));
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_UNDELIVERABLE);
  EXPECT_TRUE(shard_.offered().empty());
  EXPECT_TRUE(shard_.timers().empty());
}

TEST_F(MailboxTest, BackOffEndsWhereTheMessageExpires) {
  const std::string message = shard_.Change(kPerson, COLOUR_RED);
  const Time expiry = shard_.now + hours(24);
  shard_.Tick(expiry - seconds(1));
  Fail(message, "one");
  EXPECT_EQ(shard_.timers().begin()->second, expiry);
  shard_.Tick(expiry);
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_UNDELIVERABLE);
}

TEST_F(MailboxTest, AMessageThatWasLateOnItsWayHasItsWholeLife) {
  shard_.delay = hours(25);
  const std::string message = shard_.Change(kPerson, COLOUR_RED);
  const Time arose = shard_.now;
  EXPECT_EQ(FromProto(shard_.Message(kPerson, message).create_time()), arose - hours(25));
  shard_.Tick(arose + seconds(1));
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_DUE);
  Fail(message, "one");
  shard_.Tick(arose + hours(24) - seconds(1));
  ASSERT_TRUE(shard_.Start(kPerson, message, "two"));
  ASSERT_TRUE(shard_.Finish(kPerson, message, "two", v1::ATTEMPT_OUTCOME_FAILED, "HTTP_503"));
  shard_.Tick(arose + hours(24));
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_UNDELIVERABLE);
}

TEST_F(MailboxTest, WhoIsReachedNowhereIsTriedMoreRarelyOnlyWhileThatGoesOn) {
  const state::v1::SendingConfiguration configuration = DefaultSendingConfiguration();
  const std::string message = shard_.Change(kPerson, COLOUR_RED);
  int attempts = 0;
  const auto try_now = [&](v1::AttemptOutcome outcome) {
    const std::string attempt_id = std::to_string(++attempts);
    shard_.Tick(shard_.now + minutes(45));
    EXPECT_TRUE(shard_.Start(kPerson, message, attempt_id));
    EXPECT_TRUE(shard_.Finish(kPerson, message, attempt_id, outcome));
    return FromProto(shard_.Message(kPerson, message).due_time()) - shard_.now;
  };
  const auto nowhere = [&](uint32_t in_a_row) {
    return BackoffAfter(v1::ATTEMPT_OUTCOME_UNREACHABLE, in_a_row, message, configuration);
  };
  for (int i = 0; i < 8; ++i) try_now(v1::ATTEMPT_OUTCOME_FAILED);
  EXPECT_EQ(try_now(v1::ATTEMPT_OUTCOME_UNREACHABLE), nowhere(1));
  EXPECT_EQ(try_now(v1::ATTEMPT_OUTCOME_UNREACHABLE), nowhere(2));
  EXPECT_EQ(try_now(v1::ATTEMPT_OUTCOME_FAILED),
            BackoffAfter(v1::ATTEMPT_OUTCOME_FAILED, 1, message, configuration));
  EXPECT_EQ(try_now(v1::ATTEMPT_OUTCOME_UNREACHABLE), nowhere(1));
}

TEST_F(MailboxTest, NoPauseGoesBeyondTheEndOfTheMessage) {
  const std::string message = shard_.Change(kPerson, COLOUR_RED);
  const Time expiry = shard_.now + hours(24);
  while (StateOf(message) == v1::MESSAGE_STATE_DUE) {
    ASSERT_TRUE(shard_.Start(kPerson, message, "one"));
    ASSERT_TRUE(shard_.Finish(kPerson, message, "one", v1::ATTEMPT_OUTCOME_UNREACHABLE));
    const Time due = FromProto(shard_.Message(kPerson, message).due_time());
    ASSERT_LE(due, expiry);
    shard_.Tick(due);
  }
  EXPECT_EQ(shard_.now, expiry);
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_UNDELIVERABLE);
}

TEST_F(MailboxTest, AFurtherCaseIsOneToWhoWasToldBefore) {
  const auto sent_as = [&](const std::string& message_id, const std::string& attempt_id) {
    EXPECT_TRUE(shard_.Start(kPerson, message_id, attempt_id));
    return shard_.Message(kPerson, message_id).template_name();
  };
  const std::string first = shard_.Expose(kPerson, COLOUR_GREEN, health_code::v1::MEASURE_NONE);
  EXPECT_EQ(sent_as(first, "one"), "first_exposed");
  ASSERT_TRUE(shard_.Finish(kPerson, first, "one", v1::ATTEMPT_OUTCOME_REFUSED, "HTTP_410"));
  const std::string second = shard_.Expose(kPerson, COLOUR_GREEN, health_code::v1::MEASURE_NONE);
  EXPECT_EQ(sent_as(second, "two"), "first_exposed");
  ASSERT_TRUE(shard_.Finish(kPerson, second, "two", v1::ATTEMPT_OUTCOME_DELIVERED));
  const std::string third = shard_.Expose(kPerson, COLOUR_GREEN, health_code::v1::MEASURE_NONE);
  EXPECT_EQ(sent_as(third, "three"), "newly_exposed");
}

TEST_F(MailboxTest, AnExpiredMessageIsNotStarted) {
  const std::string message = shard_.Change(kPerson, COLOUR_RED);
  state::v1::SendingConfiguration configuration = DefaultSendingConfiguration();
  configuration.set_expire_after_hours(1);
  shard_.Tick(shard_.now + hours(2));
  ASSERT_EQ(StateOf(message), v1::MESSAGE_STATE_DUE);
  shard_.Configure(configuration);
  EXPECT_FALSE(shard_.Start(kPerson, message, "one"));
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_UNDELIVERABLE);
  EXPECT_TRUE(shard_.timers().empty());
}

TEST_F(MailboxTest, AMessageExpiresLaterWhenTheConfigurationAllowsIt) {
  const std::string message = shard_.Change(kPerson, COLOUR_RED);
  state::v1::SendingConfiguration configuration = DefaultSendingConfiguration();
  configuration.set_expire_after_hours(48);
  shard_.Configure(configuration);
  shard_.Tick(shard_.now + hours(24));
  EXPECT_EQ(shard_.offered(), Item(message));
  shard_.Tick(shard_.now + hours(24));
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_UNDELIVERABLE);
}

TEST_F(MailboxTest, AWorkersWrongClockDelaysAndHastensLittle) {
  const std::string message = shard_.Change(kPerson, COLOUR_RED);
  const Time shard_time = shard_.now;
  shard_.now = shard_time + hours(5);
  ASSERT_TRUE(shard_.Start(kPerson, message, "one"));
  EXPECT_EQ(shard_.timers().begin()->second, shard_time + minutes(11));
  shard_.now = shard_time - hours(5);
  ASSERT_TRUE(shard_.Finish(kPerson, message, "one", v1::ATTEMPT_OUTCOME_FAILED, "TIMEOUT"));
  EXPECT_GT(shard_.timers().begin()->second, shard_time);
}

TEST(MailboxBeforeTheFirstTickTest, AWorkersWrongClockDelaysLittle) {
  MailboxShard shard;
  shard.Configure(DefaultSendingConfiguration());
  const std::string message = shard.Change(kPerson, COLOUR_RED);
  const Time created = shard.now;
  shard.now = created + hours(24 * 19);
  ASSERT_TRUE(shard.Start(kPerson, message, "one"));
  EXPECT_EQ(shard.timers().begin()->second, created + minutes(11));
  ASSERT_TRUE(shard.Finish(kPerson, message, "one", v1::ATTEMPT_OUTCOME_FAILED, "TIMEOUT"));
  EXPECT_LT(shard.timers().begin()->second, created + minutes(11));
}

TEST_F(MailboxTest, ForgetsTheOldestButNeverWhatIsUnderWay) {
  const std::string started = shard_.Change(kPerson, COLOUR_RED);
  ASSERT_TRUE(shard_.Start(kPerson, started, "one"));
  std::vector<std::string> later;
  for (size_t i = 0; i < kMessagesPerPersonMax; ++i) {
    later.push_back(shard_.Change(kPerson, i % 2 == 0 ? COLOUR_GREEN : COLOUR_RED));
  }
  EXPECT_EQ(shard_.CountMessages(kPerson), kMessagesPerPersonMax);
  EXPECT_TRUE(shard_.Find(kPerson, started).has_value());
  EXPECT_FALSE(shard_.Find(kPerson, later.front()).has_value());
  EXPECT_TRUE(shard_.Find(kPerson, later[1]).has_value());
  EXPECT_EQ(StateOf(later.back()), v1::MESSAGE_STATE_DUE);
}

TEST_F(MailboxTest, KeepsTheNewestAttempts) {
  const std::string message = shard_.Change(kPerson, COLOUR_RED);
  for (int i = 0; i < kAttemptsListedMax + 5; ++i) {
    Fail(message, "attempt-" + std::to_string(i));
    shard_.Tick(shard_.now + minutes(15));
  }
  const v1::Message stored = shard_.Message(kPerson, message);
  EXPECT_EQ(stored.attempts_size(), kAttemptsListedMax);
  EXPECT_EQ(stored.attempts(0).attempt_id(), "attempt-5");
  EXPECT_EQ(shard_.Find(kPerson, message)->attempt_count(), 25u);
}

TEST(BackoffTest, DoublesUpToTheLongestWithinItsJitter) {
  state::v1::SendingConfiguration configuration = DefaultSendingConfiguration();
  configuration.set_backoff_initial_ms(100);
  configuration.set_backoff_max_ms(3'600'000);
  for (const uint32_t failed : {1u, 2u, 3u, 10u, 16u, 17u, 20u, 21u, 22u, 1000u}) {
    const double expected_ms =
        std::min(100.0 * std::pow(2, std::min(failed - 1, 20u)), 3'600'000.0);
    std::set<Duration> seen;
    for (int i = 0; i < 200; ++i) {
      const Duration pause = BackoffAfter(v1::ATTEMPT_OUTCOME_FAILED, failed,
                                          "message_" + std::to_string(i), configuration);
      EXPECT_GE(pause.count(), static_cast<int64_t>(expected_ms * 750));
      EXPECT_LE(pause.count(), static_cast<int64_t>(expected_ms * 1250));
      seen.insert(pause);
    }
    EXPECT_GT(seen.size(), 100u) << "messages that failed at once come back spread";
  }
}

TEST(BackoffTest, GrowsWithoutALimitWhereNobodyIsReached) {
  const state::v1::SendingConfiguration configuration = DefaultSendingConfiguration();
  for (const uint32_t failed : {1u, 2u, 5u, 8u, 1000u}) {
    const double expected_ms = 600'000.0 * std::pow(2, std::min(failed - 1, 20u));
    const Duration pause =
        BackoffAfter(v1::ATTEMPT_OUTCOME_UNREACHABLE, failed, "message_a", configuration);
    EXPECT_GE(static_cast<double>(pause.count()), expected_ms * 750);
    EXPECT_LE(static_cast<double>(pause.count()), expected_ms * 1250);
  }
}

}  // namespace
}  // namespace epigrid::notification
