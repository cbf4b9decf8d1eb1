// Who begins, who waits and who is refused, on a simulated clock.
#include "common/rpc/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>

namespace epigrid {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr auto kCritical = WorkClass::kCritical;
constexpr auto kInteractive = WorkClass::kInteractive;
constexpr auto kBulk = WorkClass::kBulk;

class AdmissionTest : public testing::Test {
 protected:
  struct TestCall final : Admission::Waiting {
    TestCall(AdmissionTest& of, int number) : test(of), name(number) {}
    void OnPlace() override { test.begun_.push_back(name); }
    void OnTooLate() override { test.refused_.push_back(name); }
    AdmissionTest& test;
    int name;
  };

  TestCall& Enter(WorkClass work) {
    TestCall& call = calls_.emplace_back(*this, static_cast<int>(calls_.size()));
    if (admission_.Enter(work, call, now_)) call.OnPlace();
    return call;
  }
  void Enter(WorkClass work, int count) {
    for (int i = 0; i < count; ++i) Enter(work);
  }
  // Turns as the loop gives them, until none is asked for.
  int Turns() {
    int turns = 0;
    for (; turn_asked_; ++turns) {
      turn_asked_ = false;
      admission_.Turn();
    }
    return turns;
  }
  // Lets the limit fall to its least: calls of a method take ten times as long as usual.
  void Overload() {
    MethodLatency& method = admission_.limit().AddMethod();
    for (int i = 0; i < 60; ++i) admission_.limit().Sample(method, milliseconds(5));
    for (int round = 0; round < 20; ++round) {
      for (int i = 0; i < 20; ++i) admission_.limit().Sample(method, milliseconds(50));
      admission_.limit().Adjust(32, true);
    }
    ASSERT_EQ(admission_.limit().value(), AdaptiveLimit::kLeast);
  }
  // So that whoever comes of these has to wait.
  void Fill() {
    Overload();
    Enter(kCritical, AdaptiveLimit::kLeast);
    Enter(kInteractive, Admission::kInteractiveLeast);
    Enter(kBulk, Admission::kBulkLeast);
    Turns();
    begun_.clear();
  }

  SteadyTime now_{seconds(1000)};
  bool turn_asked_ = false;
  std::deque<TestCall> calls_;
  std::vector<int> begun_;
  std::vector<int> refused_;
  Admission admission_{64, [this] {
                         EXPECT_FALSE(turn_asked_);
                         turn_asked_ = true;
                       }};
};

TEST_F(AdmissionTest, WithoutLoadAllBeginAndBulkInTheNextTurn) {
  Enter(kCritical);
  Enter(kInteractive);
  EXPECT_THAT(begun_, ElementsAre(0, 1));
  Enter(kBulk);
  EXPECT_THAT(begun_, ElementsAre(0, 1));
  EXPECT_EQ(Turns(), 1);
  EXPECT_THAT(begun_, ElementsAre(0, 1, 2));
  EXPECT_EQ(admission_.in_flight(kBulk), 1u);
}

TEST_F(AdmissionTest, OneOfBulkBeginsInATurn) {
  Enter(kBulk, 5);
  EXPECT_EQ(Turns(), 5);
  EXPECT_EQ(begun_.size(), 5u);
}

TEST_F(AdmissionTest, CriticalWorkBeginsWhateverIsInFlight) {
  Overload();
  Enter(kInteractive, 20);
  Enter(kBulk, 20);
  Turns();
  begun_.clear();
  Enter(kCritical, 1000);
  EXPECT_EQ(begun_.size(), 1000u);
}

TEST_F(AdmissionTest, BulkIsHeldBackBeforeResidents) {
  Enter(kInteractive, 31);
  Enter(kBulk, 3);
  Turns();
  EXPECT_EQ(admission_.in_flight(kBulk), 1u);  // below half of 64
  EXPECT_EQ(admission_.waiting(kBulk), 2u);
  Enter(kInteractive, 32);
  EXPECT_EQ(admission_.in_flight(kInteractive), 63u);
  Enter(kInteractive);
  EXPECT_EQ(admission_.waiting(kInteractive), 1u);
  // The place that is left goes to the resident, though bulk has waited longer.
  admission_.Leave(kInteractive);
  Turns();
  EXPECT_EQ(admission_.waiting(kInteractive), 0u);
  EXPECT_EQ(admission_.waiting(kBulk), 2u);
}

TEST_F(AdmissionTest, CriticalWorkTakesItsPlacesFromTheOthers) {
  Enter(kCritical, 64);
  Enter(kInteractive, 20);
  Enter(kBulk, 2);
  Turns();
  EXPECT_EQ(admission_.in_flight(kInteractive), Admission::kInteractiveLeast);
  EXPECT_EQ(admission_.in_flight(kBulk), Admission::kBulkLeast);
}

TEST_F(AdmissionTest, TheNewestGoesFirstAndTheOldestIsRefused) {
  Fill();
  TestCall& oldest = Enter(kInteractive);
  now_ += milliseconds(60);
  Enter(kInteractive);
  TestCall& newest = Enter(kInteractive);
  admission_.Leave(kInteractive);
  Turns();
  EXPECT_THAT(begun_, ElementsAre(newest.name));
  now_ += milliseconds(39);
  admission_.Tick(now_);
  EXPECT_THAT(refused_, IsEmpty());
  now_ += milliseconds(1);
  admission_.Tick(now_);
  EXPECT_THAT(refused_, ElementsAre(oldest.name));
  EXPECT_EQ(admission_.waiting(kInteractive), 1u);
}

TEST_F(AdmissionTest, BulkWaitsLongerThanAResident) {
  Fill();
  TestCall& resident = Enter(kInteractive);
  TestCall& bulk = Enter(kBulk);
  now_ += milliseconds(100);
  admission_.Tick(now_);
  EXPECT_THAT(refused_, ElementsAre(resident.name));
  now_ += milliseconds(900);
  admission_.Tick(now_);
  EXPECT_THAT(refused_, ElementsAre(resident.name, bulk.name));
}

TEST_F(AdmissionTest, WhoIsWithdrawnHearsNothingMore) {
  Fill();
  TestCall& first = Enter(kInteractive);
  TestCall& second = Enter(kInteractive);
  TestCall& third = Enter(kInteractive);
  admission_.Withdraw(second);
  admission_.Withdraw(second);
  EXPECT_FALSE(second.in_line());
  for (int i = 0; i < 3; ++i) admission_.Leave(kInteractive);
  Turns();
  EXPECT_THAT(begun_, ElementsAre(third.name, first.name));
  now_ += seconds(10);
  admission_.Tick(now_);
  EXPECT_THAT(refused_, IsEmpty());
}

TEST_F(AdmissionTest, WhatWeighsMoreCountsAsMuchAndBeginsWhenThereIsAnyRoom) {
  TestCall& heavy = calls_.emplace_back(*this, 0);
  EXPECT_FALSE(admission_.Enter(kBulk, heavy, now_, 1000));
  Turns();
  EXPECT_THAT(begun_, ElementsAre(0));
  Enter(kInteractive, 20);
  EXPECT_EQ(admission_.in_flight(kInteractive), Admission::kInteractiveLeast);
  admission_.Leave(kBulk, 1000);
  Turns();
  EXPECT_EQ(admission_.in_flight(kInteractive), 20u);
}

TEST_F(AdmissionTest, ACloseRefusesWhoIsInLine) {
  Fill();
  Enter(kInteractive);
  Enter(kBulk);
  admission_.Close();
  EXPECT_EQ(refused_.size(), 2u);
}

TEST_F(AdmissionTest, APlaceThatIsKeptCountsUntilItIsGivenBack) {
  Fill();
  Enter(kBulk);
  AdmissionPlace call(admission_, kBulk);
  AdmissionPlace kept = std::move(call);
  call = {};
  EXPECT_EQ(Turns(), 0);
  EXPECT_EQ(admission_.waiting(kBulk), 1u);
  kept = {};
  EXPECT_EQ(Turns(), 1);
  EXPECT_EQ(admission_.waiting(kBulk), 0u);
}

// Everything at once, at random: nobody is lost, nobody begins twice, and nobody waits for longer
// than its class may.
TEST_F(AdmissionTest, EverybodyBeginsOrIsRefusedInTime) {
  std::mt19937_64 random(11);
  MethodLatency& method = admission_.limit().AddMethod();
  std::deque<WorkClass> in_flight;
  std::map<int, SteadyTime> came;
  std::map<int, WorkClass> work_of;
  size_t answered = 0;
  for (int step = 0; step < 20'000; ++step) {
    for (uint64_t i = random() % 6; i > 0; --i) {
      const auto work = static_cast<WorkClass>(random() % 3);
      const int name = static_cast<int>(calls_.size());
      came[name] = now_;
      work_of[name] = work;
      Enter(work);
    }
    admission_.limit().Sample(method, milliseconds(random() % 1000 < 500 ? 4 : 4 + random() % 40));
    if (turn_asked_) {
      turn_asked_ = false;
      admission_.Turn();
    }
    if (step % 10 == 0) admission_.Tick(now_);
    for (int name : begun_) in_flight.push_back(work_of[name]);
    for (const std::vector<int>& ended : {begun_, refused_}) {
      for (int name : ended) {
        const Duration most = Admission::kWaitMax[static_cast<size_t>(work_of[name])];
        EXPECT_LE(now_ - came[name], most + Admission::kTickEvery);
        came.erase(name);
        ++answered;
      }
    }
    begun_.clear();
    refused_.clear();
    for (uint64_t i = random() % 4; i > 0 && !in_flight.empty(); --i) {
      admission_.Leave(in_flight.front());
      in_flight.pop_front();
    }
    now_ += milliseconds(2);
  }
  const uint32_t waiting = admission_.waiting(kInteractive) + admission_.waiting(kBulk);
  EXPECT_EQ(came.size(), waiting);
  EXPECT_EQ(answered + waiting, calls_.size());
}

}  // namespace
}  // namespace epigrid
