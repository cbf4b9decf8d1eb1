#include "services/notification/sender/sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/notification/domain/testing/mailbox_shard.h"
#include "services/notification/sender/testing/fake_world.h"

namespace epigrid::notification {
namespace {

using health_code::v1::COLOUR_GREEN;
using health_code::v1::COLOUR_RED;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::SizeIs;

const std::string kPerson = "person_a";

class SenderTest : public testing::Test {
 protected:
  std::unique_ptr<Sender> MakeSender(SenderOptions options = {}) {
    options.shard_count = 1;
    auto sender = std::make_unique<Sender>(
        world_.scheduler(), world_.outbox(), world_.contacts(), world_.channels(), world_.random(),
        [this](Shard) { return works_; }, options, &world_.observer());
    sender->Start();
    return sender;
  }

  v1::MessageState StateOf(const std::string& message_id, const std::string& person = kPerson) {
    return world_.shard().Message(person, message_id).state();
  }
  v1::Attempt LastAttempt(const std::string& message_id, const std::string& person = kPerson) {
    return *world_.shard().Message(person, message_id).attempts().rbegin();
  }
  // Until the message is in this state.
  void RunUntil(const std::string& message_id, v1::MessageState state) {
    world_.RunUntil([&] { return StateOf(message_id) == state; });
  }

  bool works_ = true;
  FakeWorld world_;
};

TEST_F(SenderTest, DeliversWhatIsOffered) {
  const std::string message = world_.shard().Change(kPerson, COLOUR_RED);
  world_.contacts().Set(kPerson, {{"web", "address-1"}}, "en");
  auto sender = MakeSender();
  RunUntil(message, v1::MESSAGE_STATE_DELIVERED);

  ASSERT_THAT(world_.web().sent, SizeIs(1));
  const OutgoingMessage& sent = world_.web().sent[0];
  EXPECT_EQ(sent.message_id, message);
  EXPECT_EQ(sent.address, "address-1");
  EXPECT_EQ(sent.language, "en");
  EXPECT_EQ(sent.colour, "RED");
  EXPECT_EQ(sent.measure, "HOME");
  EXPECT_EQ(sent.about, "addressee");
  EXPECT_THAT(sent.text, testing::HasSubstr("Your health code is now red."));
  EXPECT_EQ(LastAttempt(message).endpoint(), "web");
  EXPECT_EQ(LastAttempt(message).outcome(), v1::ATTEMPT_OUTCOME_DELIVERED);
  EXPECT_EQ(world_.observer().outcomes, 1u);
}

TEST_F(SenderTest, TellsAGuardianThatItIsAboutSomebodyElse) {
  const std::string message = world_.shard().Change(kPerson, COLOUR_RED);
  world_.contacts().Set(kPerson, {{"web", "address-of-guardian"}}, "en", /*guardian_answers=*/true);
  auto sender = MakeSender();
  RunUntil(message, v1::MESSAGE_STATE_DELIVERED);
  ASSERT_THAT(world_.web().sent, SizeIs(1));
  EXPECT_EQ(world_.web().sent[0].about, "dependant");
  EXPECT_THAT(world_.web().sent[0].text,
              testing::HasSubstr("The health code of a person you answer for is now red."));
}

TEST_F(SenderTest, IsWokenByWhatIsApplied) {
  auto sender = MakeSender({.poll_interval = std::chrono::hours(1)});
  world_.RunIdle();
  world_.contacts().Set(kPerson, {{"web", "a"}});
  const std::string message = world_.shard().Change(kPerson, COLOUR_RED);
  const Time began = world_.Now();
  sender->Wake(0);
  RunUntil(message, v1::MESSAGE_STATE_DELIVERED);
  EXPECT_LT(world_.Now() - began, milliseconds(1));
}

TEST_F(SenderTest, FindsWorkWithoutBeingWoken) {
  auto sender = MakeSender();
  world_.RunIdle();
  world_.contacts().Set(kPerson, {{"web", "a"}});
  const std::string message = world_.shard().Change(kPerson, COLOUR_RED);
  const Time began = world_.Now();
  RunUntil(message, v1::MESSAGE_STATE_DELIVERED);
  EXPECT_LE(world_.Now() - began, milliseconds(500));
}

// What is begun for somebody whose record could not be folded waits behind that record: begun again
// and again, it would fill the log.
TEST_F(SenderTest, BeginsNothingForWhoIsUnderReview) {
  const std::string message = world_.shard().Change(kPerson, COLOUR_RED);
  const std::string other = world_.shard().Change("person_b", COLOUR_RED);
  world_.contacts().Set(kPerson, {{"web", "a"}});
  world_.contacts().Set("person_b", {{"web", "b"}});
  world_.outbox().parked = {kPerson};
  auto sender = MakeSender();
  world_.RunFor(seconds(30));
  EXPECT_EQ(StateOf(other, "person_b"), v1::MESSAGE_STATE_DELIVERED);
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_DUE);
  EXPECT_EQ(world_.outbox().appended, 2u);  // the other's attempt and its result

  world_.outbox().parked.clear();
  RunUntil(message, v1::MESSAGE_STATE_DELIVERED);
}

TEST_F(SenderTest, SendsManyWithFewInHand) {
  std::vector<std::pair<std::string, std::string>> messages;
  for (int i = 0; i < 1000; ++i) {
    const std::string person = "person_" + std::to_string(i);
    world_.contacts().Set(person, {{"web", person}});
    messages.emplace_back(person, world_.shard().Change(person, COLOUR_RED));
  }
  world_.web().hold = true;
  auto sender = MakeSender({.in_hand_max = 300, .batch_max = 100});
  world_.RunIdle();
  EXPECT_THAT(world_.web().sent, SizeIs(300));
  world_.web().Release();
  world_.RunUntil(
      [&] { return world_.shard().offered().empty() && world_.shard().started().empty(); });
  EXPECT_THAT(world_.web().sent, SizeIs(1000));
  for (const auto& [person, message] : messages) {
    EXPECT_EQ(StateOf(message, person), v1::MESSAGE_STATE_DELIVERED);
  }
}

TEST_F(SenderTest, DoesNotSendWhatIsSupersededBeforeItsAttempt) {
  const std::string older = world_.shard().Change(kPerson, COLOUR_RED);
  std::string newer;
  world_.contacts().Set(kPerson, {{"web", "a"}});
  world_.outbox().before_append = [&] {
    if (newer.empty()) newer = world_.shard().Change(kPerson, COLOUR_GREEN);
  };
  auto sender = MakeSender();
  world_.RunUntil([&] { return !newer.empty(); });
  RunUntil(newer, v1::MESSAGE_STATE_DELIVERED);
  EXPECT_EQ(StateOf(older), v1::MESSAGE_STATE_SUPERSEDED);
  ASSERT_THAT(world_.web().sent, SizeIs(1));
  EXPECT_EQ(world_.web().sent[0].message_id, newer);
}

TEST_F(SenderTest, SendsTheNewerAfterTheOneUnderWay) {
  const std::string older = world_.shard().Change(kPerson, COLOUR_RED);
  world_.contacts().Set(kPerson, {{"web", "a"}});
  world_.web().hold = true;
  auto sender = MakeSender();
  RunUntil(older, v1::MESSAGE_STATE_STARTED);
  const std::string newer = world_.shard().Change(kPerson, COLOUR_GREEN);
  world_.RunFor(seconds(2));
  EXPECT_THAT(world_.web().sent, SizeIs(1));
  world_.web().Release();
  RunUntil(newer, v1::MESSAGE_STATE_DELIVERED);
  EXPECT_EQ(StateOf(older), v1::MESSAGE_STATE_DELIVERED);
}

TEST_F(SenderTest, StartsNothingWhileContactsCannotBeResolved) {
  const std::string message = world_.shard().Change(kPerson, COLOUR_RED);
  world_.contacts().Set(kPerson, {{"web", "a"}});
  world_.contacts().unavailable = Unavailable("IDENTITY_UNAVAILABLE", "identity does not answer");
  auto sender = MakeSender();
  world_.RunFor(seconds(60));
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_DUE);
  EXPECT_EQ(world_.shard().Find(kPerson, message)->attempt_count(), 0u);
  EXPECT_LT(world_.contacts().calls, 15) << "it asks less often while nobody answers";

  world_.contacts().unavailable = OkStatus();
  world_.RunFor(seconds(11));
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_DELIVERED);
}

TEST_F(SenderTest, OnePersonWhoCannotBeResolvedDelaysNoOther) {
  const std::string stuck = world_.shard().Change(kPerson, COLOUR_RED);
  world_.contacts().Fail(kPerson, Unavailable("VIEW_REBUILDING", "later"));
  const std::string message = world_.shard().Change("person_b", COLOUR_RED);
  world_.contacts().Set("person_b", {{"web", "b"}});
  auto sender = MakeSender();
  world_.RunIdle();
  EXPECT_EQ(StateOf(message, "person_b"), v1::MESSAGE_STATE_DELIVERED);
  EXPECT_EQ(StateOf(stuck), v1::MESSAGE_STATE_DUE);
  EXPECT_EQ(LastAttempt(stuck).outcome(), v1::ATTEMPT_OUTCOME_FAILED);
  EXPECT_EQ(LastAttempt(stuck).reason(), "VIEW_REBUILDING");

  // Nor when it is the only one there is.
  world_.RunFor(seconds(600));
  const std::string later = world_.shard().Change("person_b", COLOUR_GREEN);
  const Time began = world_.Now();
  world_.RunUntil([&] { return StateOf(later, "person_b") == v1::MESSAGE_STATE_DELIVERED; });
  EXPECT_LT(world_.Now() - began, seconds(1));
  EXPECT_LT(world_.contacts().calls, 20) << "each attempt has its back-off";
}

TEST_F(SenderTest, SaysWhyNobodyCanBeReached) {
  const std::string without = world_.shard().Change("person_without", COLOUR_RED);
  world_.contacts().Set("person_without", {});
  const std::string elsewhere = world_.shard().Change("person_elsewhere", COLOUR_RED);
  world_.contacts().Set("person_elsewhere", {{"not-configured", "x"}});
  const std::string unknown = world_.shard().Change("person_unknown", COLOUR_RED);
  world_.contacts().Fail("person_unknown", NotFound("PERSON_UNKNOWN", "nobody has this id"));
  const std::string erased = world_.shard().Change("person_erased", COLOUR_RED);
  world_.contacts().Fail("person_erased", FailedPrecondition("PERSON_ERASED", "erased"));
  auto sender = MakeSender();
  world_.RunIdle();

  EXPECT_EQ(StateOf(without, "person_without"), v1::MESSAGE_STATE_DUE) << "may get one";
  EXPECT_EQ(LastAttempt(without, "person_without").reason(), "NO_CONTACT_POINT");
  EXPECT_EQ(LastAttempt(without, "person_without").outcome(), v1::ATTEMPT_OUTCOME_UNREACHABLE);
  EXPECT_EQ(StateOf(elsewhere, "person_elsewhere"), v1::MESSAGE_STATE_DUE);
  EXPECT_EQ(LastAttempt(elsewhere, "person_elsewhere").reason(), "ENDPOINT_UNKNOWN");
  EXPECT_EQ(LastAttempt(elsewhere, "person_elsewhere").endpoint(), "not-configured");
  EXPECT_EQ(LastAttempt(elsewhere, "person_elsewhere").outcome(), v1::ATTEMPT_OUTCOME_FAILED);
  EXPECT_EQ(StateOf(unknown, "person_unknown"), v1::MESSAGE_STATE_DUE) << "may become known";
  EXPECT_EQ(LastAttempt(unknown, "person_unknown").reason(), "PERSON_UNKNOWN");
  EXPECT_EQ(LastAttempt(unknown, "person_unknown").outcome(), v1::ATTEMPT_OUTCOME_UNREACHABLE);
  EXPECT_EQ(StateOf(erased, "person_erased"), v1::MESSAGE_STATE_UNDELIVERABLE);
  EXPECT_EQ(LastAttempt(erased, "person_erased").reason(), "PERSON_ERASED");
  EXPECT_TRUE(world_.web().sent.empty());
}

TEST_F(SenderTest, AContactPointThatIsAddedLaterIsReached) {
  const std::string message = world_.shard().Change(kPerson, COLOUR_RED);
  world_.contacts().Set(kPerson, {});
  auto sender = MakeSender();
  world_.RunIdle();
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_DUE);
  world_.contacts().Set(kPerson, {{"web", "a"}});
  world_.RunFor(seconds(780));
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_DELIVERED);
}

TEST_F(SenderTest, WhomNothingReachesCostsLittle) {
  const std::string message = world_.shard().Change(kPerson, COLOUR_RED);
  world_.contacts().Set(kPerson, {});
  auto sender = MakeSender({.poll_interval = seconds(60)});
  world_.RunFor(std::chrono::hours(25));
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_UNDELIVERABLE);
  EXPECT_LE(world_.shard().Find(kPerson, message)->attempt_count(), 9u);
}

TEST_F(SenderTest, TriesContactPointsInTheirOrder) {
  const std::string message = world_.shard().Change(kPerson, COLOUR_RED);
  world_.contacts().Set(kPerson, {{"not-configured", "x"}, {"web", "first"}, {"file", "second"}});
  world_.web().result = {.outcome = v1::ATTEMPT_OUTCOME_REFUSED, .reason = "HTTP_404"};
  auto sender = MakeSender();
  world_.RunIdle();
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_DELIVERED);
  EXPECT_EQ(LastAttempt(message).endpoint(), "file");
  EXPECT_THAT(world_.web().sent, SizeIs(1));
  EXPECT_THAT(world_.file().sent, SizeIs(1));
}

TEST_F(SenderTest, FailsIfAnyContactPointMayBeTriedAgain) {
  const std::string message = world_.shard().Change(kPerson, COLOUR_RED);
  world_.contacts().Set(kPerson, {{"web", "first"}, {"file", "second"}});
  world_.web().result = {.outcome = v1::ATTEMPT_OUTCOME_REFUSED, .reason = "HTTP_404"};
  world_.file().result = {.outcome = v1::ATTEMPT_OUTCOME_FAILED, .reason = "FILE_ENOSPC"};
  auto sender = MakeSender();
  world_.RunIdle();
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_DUE);
  EXPECT_EQ(LastAttempt(message).reason(), "FILE_ENOSPC");

  world_.file().result = {.outcome = v1::ATTEMPT_OUTCOME_DELIVERED, .reason = ""};
  world_.RunFor(seconds(3));
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_DELIVERED) << "after its back-off";
}

TEST_F(SenderTest, SendsNothingThatIsNotInTheLog) {
  const std::string message = world_.shard().Change(kPerson, COLOUR_RED);
  world_.contacts().Set(kPerson, {{"web", "a"}});
  world_.outbox().append_error = Unavailable("LOG_UNAVAILABLE", "the log is down");
  auto sender = MakeSender();
  world_.RunFor(seconds(5));
  EXPECT_TRUE(world_.web().sent.empty());
  world_.outbox().append_error = OkStatus();
  RunUntil(message, v1::MESSAGE_STATE_DELIVERED);
  EXPECT_THAT(world_.web().sent, SizeIs(1));
}

TEST_F(SenderTest, FindsOutWhetherAnAttemptOfUnknownOutcomeBegan) {
  for (const bool in_the_log : {true, false}) {
    const std::string message = world_.shard().Change(kPerson, COLOUR_RED);
    world_.contacts().Set(kPerson, {{"web", "a"}});
    world_.outbox().append_error = Unavailable("OUTCOME_UNKNOWN", "lost");
    world_.outbox().append_in_spite_of_error = in_the_log;
    world_.web().sent.clear();
    auto sender = MakeSender();
    world_.RunUntil([&] { return world_.outbox().appends_failed > 0; });
    world_.outbox().append_error = OkStatus();
    world_.outbox().appends_failed = 0;
    RunUntil(message, v1::MESSAGE_STATE_DELIVERED);
    EXPECT_THAT(world_.web().sent, SizeIs(1));
    EXPECT_EQ(world_.shard().Find(kPerson, message)->attempt_count(), 1u);
  }
}

TEST_F(SenderTest, WaitsNoLongerWhenItsClockIsSetBack) {
  SimProcess process(world_.scheduler());
  process.set_clock_error(std::chrono::hours(24 * 19));
  world_.contacts().Set(kPerson, {{"web", "a"}});
  const std::string message = world_.shard().Change(kPerson, COLOUR_RED);
  world_.outbox().append_error = Unavailable("OUTCOME_UNKNOWN", "lost");
  Sender sender(process, world_.outbox(), world_.contacts(), world_.channels(), world_.random(),
                [](Shard) { return true; }, {.shard_count = 1});
  sender.Start();
  world_.RunUntil([&] { return world_.outbox().appends_failed > 0; });
  world_.outbox().append_error = OkStatus();
  process.set_clock_error({});
  world_.RunFor(seconds(20));
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_DELIVERED);
}

// Its own clock says that each attempt is over: as the fold may be about to give it up, nothing is
// sent. A smaller error is the fold's to allow for.
TEST_F(SenderTest, AClockFarAheadDelaysAMessageAndLosesNone) {
  SimProcess process(world_.scheduler());
  process.set_clock_error(std::chrono::hours(1));
  world_.contacts().Set(kPerson, {{"web", "a"}});
  const std::string message = world_.shard().Change(kPerson, COLOUR_RED);
  Sender sender(process, world_.outbox(), world_.contacts(), world_.channels(), world_.random(),
                [](Shard) { return true; }, {.shard_count = 1});
  sender.Start();
  world_.RunUntil([&] { return world_.shard().Message(kPerson, message).attempts_size() > 0; });
  world_.RunIdle();
  EXPECT_EQ(LastAttempt(message).reason(), "TOO_LATE");
  EXPECT_TRUE(world_.web().sent.empty());
  process.set_clock_error(std::chrono::minutes(9));
  RunUntil(message, v1::MESSAGE_STATE_DELIVERED);
  EXPECT_THAT(world_.web().sent, SizeIs(1));
}

TEST_F(SenderTest, AppendsResultsUntilTheyAreInTheLog) {
  const std::string message = world_.shard().Change(kPerson, COLOUR_RED);
  world_.contacts().Set(kPerson, {{"web", "a"}});
  world_.web().hold = true;
  auto sender = MakeSender();
  RunUntil(message, v1::MESSAGE_STATE_STARTED);
  world_.outbox().append_error = Unavailable("LOG_UNAVAILABLE", "the log is down");
  world_.web().Release();
  world_.RunFor(seconds(3));
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_STARTED);
  world_.outbox().append_error = OkStatus();
  RunUntil(message, v1::MESSAGE_STATE_DELIVERED);
  EXPECT_THAT(world_.web().sent, SizeIs(1));
}

TEST_F(SenderTest, WaitsForAFoldThatIsBehind) {
  const std::string message = world_.shard().Change(kPerson, COLOUR_RED);
  world_.contacts().Set(kPerson, {{"web", "a"}});
  world_.outbox().paused = true;
  auto sender = MakeSender();
  world_.RunFor(seconds(100));
  EXPECT_TRUE(world_.web().sent.empty());
  world_.outbox().Resume();
  RunUntil(message, v1::MESSAGE_STATE_DELIVERED);
  EXPECT_THAT(world_.web().sent, SizeIs(1));
  EXPECT_EQ(world_.shard().Find(kPerson, message)->attempt_count(), 1u);
}

TEST_F(SenderTest, WaitsForAViewThatIsBeingRebuilt) {
  const std::string message = world_.shard().Change(kPerson, COLOUR_RED);
  world_.contacts().Set(kPerson, {{"web", "a"}});
  world_.outbox().read_error = Unavailable("VIEW_REBUILDING", "later");
  auto sender = MakeSender();
  world_.RunFor(seconds(5));
  EXPECT_TRUE(world_.web().sent.empty());
  world_.outbox().read_error = OkStatus();
  RunUntil(message, v1::MESSAGE_STATE_DELIVERED);
  EXPECT_EQ(world_.shard().Find(kPerson, message)->attempt_count(), 1u);
}

TEST_F(SenderTest, WhatADeadSenderStartedIsSentAgainOnlyWhenItsTimeIsOver) {
  const std::string message = world_.shard().Change(kPerson, COLOUR_RED);
  world_.contacts().Set(kPerson, {{"web", "a"}});
  world_.web().hold = true;
  auto sender = MakeSender();
  world_.RunUntil([&] { return world_.web().sent.size() == 1; });
  sender.reset();

  world_.web().Release();
  sender = MakeSender();
  world_.RunFor(seconds(58));
  EXPECT_THAT(world_.web().sent, SizeIs(1));
  world_.RunFor(seconds(4));
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_DELIVERED);
  ASSERT_THAT(world_.web().sent, SizeIs(2));
  EXPECT_EQ(world_.web().sent[0].message_id, world_.web().sent[1].message_id);
}

TEST_F(SenderTest, SendsNothingWhenItsAttemptIsNearlyOver) {
  const std::string message = world_.shard().Change(kPerson, COLOUR_RED);
  world_.contacts().Set(kPerson, {{"web", "a"}, {"file", "b"}});
  world_.web().hold = true;
  auto sender = MakeSender();
  world_.RunUntil([&] { return world_.web().sent.size() == 1; });
  world_.web().result = {.outcome = v1::ATTEMPT_OUTCOME_FAILED, .reason = "TIMEOUT"};
  world_.RunFor(seconds(51));
  world_.web().Release();
  world_.RunIdle();
  EXPECT_TRUE(world_.file().sent.empty());
  EXPECT_EQ(LastAttempt(message).reason(), "TIMEOUT");
}

TEST_F(SenderTest, FinishesWhatIsUnderWayWhenStopped) {
  const std::string message = world_.shard().Change(kPerson, COLOUR_RED);
  world_.contacts().Set(kPerson, {{"web", "a"}});
  world_.web().hold = true;
  auto sender = MakeSender();
  world_.RunUntil([&] { return world_.web().sent.size() == 1; });
  const std::string other = world_.shard().Change("person_b", COLOUR_RED);
  world_.contacts().Set("person_b", {{"web", "b"}});
  Future<Done> stopped = sender->Stop(seconds(20));
  world_.RunFor(seconds(2));
  EXPECT_FALSE(stopped.ready());
  world_.web().Release();
  world_.RunUntil([&] { return stopped.ready(); });
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_DELIVERED);
  EXPECT_EQ(StateOf(other, "person_b"), v1::MESSAGE_STATE_DUE) << "nothing new is begun";
}

TEST_F(SenderTest, GivesUpDrainingAtTheDeadline) {
  const std::string message = world_.shard().Change(kPerson, COLOUR_RED);
  world_.contacts().Set(kPerson, {{"web", "a"}});
  world_.web().hold = true;
  auto sender = MakeSender();
  world_.RunUntil([&] { return world_.web().sent.size() == 1; });
  Future<Done> stopped = sender->Stop(seconds(3));
  world_.RunFor(seconds(4));
  EXPECT_TRUE(stopped.ready());
  sender.reset();
  world_.web().Release();
  world_.RunIdle();
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_STARTED);
}

TEST_F(SenderTest, LeavesTheShardsOfOthersAlone) {
  works_ = false;
  const std::string message = world_.shard().Change(kPerson, COLOUR_RED);
  world_.contacts().Set(kPerson, {{"web", "a"}});
  auto sender = MakeSender();
  world_.RunFor(seconds(5));
  EXPECT_EQ(StateOf(message), v1::MESSAGE_STATE_DUE);
  works_ = true;
  RunUntil(message, v1::MESSAGE_STATE_DELIVERED);
}

TEST_F(SenderTest, TwoSendersOfOneShardSendEachMessageOnce) {
  for (int i = 0; i < 50; ++i) {
    const std::string person = "person_" + std::to_string(i);
    world_.contacts().Set(person, {{"web", person}});
    world_.shard().Change(person, COLOUR_RED);
  }
  auto one = MakeSender();
  auto two = MakeSender();
  world_.RunUntil(
      [&] { return world_.shard().offered().empty() && world_.shard().started().empty(); });
  EXPECT_THAT(world_.web().sent, SizeIs(50));
}

}  // namespace
}  // namespace epigrid::notification
