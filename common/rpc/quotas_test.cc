#include "common/rpc/quotas.h"

#include <gtest/gtest.h>

namespace epigrid {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class QuotasTest : public testing::Test {
 protected:
  static Caller With(Quota calls, Quota items) {
    Caller caller;
    caller.name = "lab";
    caller.calls = calls;
    caller.items = items;
    return caller;
  }
  std::optional<Duration> Take(const Caller& caller) { return quotas_.Take(caller, now_); }

  Quotas quotas_;
  Quotas::SteadyTime now_{seconds(1000)};
};

TEST_F(QuotasTest, WithoutAQuotaACallerDoesAsItLikes) {
  const Caller caller = With({}, {});
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(Take(caller).has_value());
  quotas_.ChargeItems(caller, 1'000'000, now_);
  EXPECT_FALSE(Take(caller).has_value());
}

TEST_F(QuotasTest, ABurstPassesAndThenTheRateWithTheTimeOfTheNext) {
  const Caller caller = With({.per_second = 4, .burst = 2}, {});
  EXPECT_FALSE(Take(caller).has_value());
  EXPECT_FALSE(Take(caller).has_value());
  EXPECT_EQ(Take(caller), milliseconds(250));
  now_ += milliseconds(100);
  EXPECT_EQ(Take(caller), milliseconds(150));  // a refused call costs nothing
  now_ += milliseconds(150);
  EXPECT_FALSE(Take(caller).has_value());
  EXPECT_EQ(Take(caller), milliseconds(250));
  now_ += seconds(100);  // no more than a burst is saved up
  EXPECT_FALSE(Take(caller).has_value());
  EXPECT_FALSE(Take(caller).has_value());
  EXPECT_TRUE(Take(caller).has_value());
}

TEST_F(QuotasTest, AWholeSecondLetsNoMoreThanTheRateIn) {
  const Caller caller = With({.per_second = 50, .burst = 10}, {});
  int let_in = 0;
  for (int i = 0; i < 10'000; ++i, now_ += milliseconds(1)) let_in += Take(caller) ? 0 : 1;
  EXPECT_NEAR(let_in, 510, 1);
}

TEST_F(QuotasTest, ABatchBeyondTheBurstPassesAndIsPaidOff) {
  const Caller caller = With({}, {.per_second = 100, .burst = 100});
  EXPECT_FALSE(Take(caller).has_value());
  quotas_.ChargeItems(caller, 1000, now_);
  EXPECT_EQ(Take(caller), milliseconds(9010));  // a debt of 900, and one to begin with
  now_ += milliseconds(9010);
  EXPECT_FALSE(Take(caller).has_value());
}

TEST_F(QuotasTest, TheLaterOfTheTwoIsTold) {
  const Caller caller = With({.per_second = 1, .burst = 1}, {.per_second = 10, .burst = 10});
  EXPECT_FALSE(Take(caller).has_value());
  quotas_.ChargeItems(caller, 10, now_);
  EXPECT_EQ(Take(caller), seconds(1));
  now_ += seconds(1);
  EXPECT_FALSE(Take(caller).has_value());
  quotas_.ChargeItems(caller, 100, now_);
  EXPECT_EQ(Take(caller), milliseconds(9100));
}

TEST_F(QuotasTest, CallersDoNotPayForEachOther) {
  Caller first = With({.per_second = 1, .burst = 1}, {});
  Caller second = first;
  second.name = "other-lab";
  EXPECT_FALSE(Take(first).has_value());
  EXPECT_TRUE(Take(first).has_value());
  EXPECT_FALSE(Take(second).has_value());
}

}  // namespace
}  // namespace epigrid
