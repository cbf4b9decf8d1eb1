// What of the contact tracing fold's state is let go of, when, and what stays.
#include <gtest/gtest.h>

#include "services/contact_tracing/domain/fold_city.h"

namespace epigrid::contact_tracing {
namespace {

// Keys of all shards that begin so, and timers.
size_t CountKeys(const FoldCity& city, std::string_view prefix) {
  size_t count = 0;
  for (Shard shard = 0; shard < city.driver().shard_count(); ++shard) {
    const FoldDriver::Stored& stored = city.driver().stored(shard);
    for (const auto& [key, value] : stored.strings) count += key.starts_with(prefix);
    for (const auto& [key, members] : stored.members) count += key.starts_with(prefix);
    for (const auto& [id, due] : stored.timers) count += id.starts_with(prefix);
  }
  return count;
}

TEST(ContactTracingRetentionTest, PresenceIsForgottenAndContactsStayUntilExclusion) {
  FoldCity city;
  city.Tick(48);
  city.Setting("cafe");
  for (int i = 0; i < 40; ++i) {
    city.Visit("busy", "cafe", 9 + i / 10.0, std::nullopt, "busy" + std::to_string(i));
  }
  city.Visit("anna", "cafe", 9, 11);
  city.Visit("bert", "cafe", 9, 11);
  city.Visit("anna", "cafe", 24 + 9, 24 + 11);
  city.Visit("bert", "cafe", 24 + 9, 24 + 11);
  city.Delete("bert", "never", 2);
  city.Report("anna", 2 * 24 + 1);
  const std::string found = city.Contacts("anna");
  EXPECT_NE(found.find("bert cafe PLACE 2022-01-01:120,2022-01-02:120"), std::string::npos);
  EXPECT_GT(CountKeys(city, "presence"), 0u);

  city.Tick(15 * 24 - 1);
  EXPECT_GT(CountKeys(city, "presence-day:"), 0u);
  city.Tick(40 * 24);
  EXPECT_EQ(CountKeys(city, "presence"), 0u);
  EXPECT_EQ(CountKeys(city, "stays:"), 0u);
  EXPECT_EQ(CountKeys(city, "forget-"), 0u);
  EXPECT_EQ(city.Contacts("anna"), found);

  // The window narrows: what was counted on days outside goes, by whole days.
  city.SetOnset(city.CaseId("anna"), 24 + 1);
  EXPECT_EQ(city.Contacts("anna"), found);
  city.SetOnset(city.CaseId("anna"), std::nullopt);
  city.Isolate("anna", 20, std::nullopt);
  EXPECT_NE(city.Contacts("anna").find("bert cafe PLACE 2022-01-01:120"), std::string::npos);
  EXPECT_EQ(city.Contacts("anna").find("2022-01-02"), std::string::npos);
  city.SetState(city.CaseId("anna"), v1::CASE_STATE_EXCLUDED);
  EXPECT_EQ(city.Contacts("anna"), "");
  EXPECT_EQ(CountKeys(city, "pins:"), 0u);
  EXPECT_EQ(CountKeys(city, "settled-pins:"), 0u);
  EXPECT_EQ(CountKeys(city, "matches:"), 0u);
  EXPECT_EQ(CountKeys(city, "case-pins:"), 0u);
}

TEST(ContactTracingRetentionTest, WhatComesWhileABusyDayIsForgottenReleasesNobody) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    FoldCity city(seed);
    city.Tick(48);
    std::string expected;
    for (int i = 10; i < 40; ++i) {
      const std::string name = "guest" + std::to_string(i), cafe = "cafe" + std::to_string(i);
      city.Setting(cafe);
      city.Visit("anna", cafe, i / 2.0, i / 2.0 + 0.5);
      city.Visit(name, cafe, i / 2.0, i / 2.0 + 0.5);
      expected += (expected.empty() ? "" : "; ") + name + " " + cafe + " PLACE 2022-01-01:30";
    }
    city.Report("anna", 30);
    ASSERT_EQ(city.Contacts("anna"), expected);
    city.driver().MoveTime(FoldCity::At(16 * 24));
    for (int hour = 0; hour < 6; ++hour) city.Visit("anna", "shop", 15 * 24 + hour);
    ASSERT_EQ(city.Contacts("anna"), expected) << seed;
    EXPECT_EQ(CountKeys(city, "presence-day:"), 1u);
  }
}

TEST(ContactTracingRetentionTest, WhatIsForgottenIsNotTakenInAgain) {
  FoldCity city;
  city.Setting("cafe");
  city.Visit("anna", "cafe", 9, 11);
  city.Visit("bert", "cafe", 9, 11);
  city.Report("anna", 30);
  city.Tick(16 * 24);
  state::v1::TracingConfiguration longer;
  longer.set_retention_days(28);
  city.driver().Configure(longer.SerializeAsString());
  city.Visit("anna", "shop", 12, 13);
  city.Visit("anna", "shop", 24, 25);
  EXPECT_EQ(city.Contacts("anna"), "bert cafe PLACE 2022-01-01:120");
  EXPECT_EQ(city.driver().TakeIgnored(), std::vector<std::string>{"PRESENCE_TOO_OLD"});
  EXPECT_EQ(CountKeys(city, "presence-day:"), 1u);
  // Searched anew, the setting does not take the forgotten day for one on which nobody was there.
  city.Setting("cafe", v1::SETTING_CATEGORY_CATERING, 30);
  EXPECT_EQ(city.Contacts("anna"), "bert cafe PLACE 2022-01-01:120");
}

TEST(ContactTracingRetentionTest, WhatIsOlderThanRetentionIsNotTakenIn) {
  FoldCity city;
  city.Tick(20 * 24 + 12);
  city.Visit("anna", "cafe", 5 * 24 + 23, std::nullopt, "old");
  city.Visit("anna", "cafe", 6 * 24, std::nullopt, "young");
  city.Run();
  EXPECT_EQ(city.driver().TakeIgnored(), std::vector<std::string>{"PRESENCE_TOO_OLD"});
  EXPECT_EQ(CountKeys(city, "presence-day:"), 1u);
}

// Members of the keys of all shards that begin so.
size_t CountMembers(const FoldCity& city, std::string_view prefix) {
  size_t count = 0;
  for (Shard shard = 0; shard < city.driver().shard_count(); ++shard) {
    for (const auto& [key, members] : city.driver().stored(shard).members) {
      if (key.starts_with(prefix)) count += members.size();
    }
  }
  return count;
}

TEST(ContactTracingRetentionTest, WhatComesLaterDoesNotReadPinsOfWhichAllIsForgotten) {
  FoldCity city;
  city.Tick(12);
  city.Setting("hall");
  city.Visit("bert", "hall", 9, 10);
  for (int i = 0; i < 20; ++i) {
    const std::string name = "case" + std::to_string(i);
    city.Visit(name, "hall", 9, 10);
    city.Report(name, 30);
  }
  city.Visit("bert", "hall", 48, 49);
  const std::string found = city.Contacts("case0");
  EXPECT_NE(found.find("bert hall PLACE 2022-01-01:60"), std::string::npos);
  EXPECT_EQ(CountMembers(city, "pins:"), 20u);

  city.Tick(19 * 24);
  EXPECT_EQ(CountMembers(city, "pins:"), 0u);
  EXPECT_EQ(CountMembers(city, "settled-pins:"), 20u);
  city.Visit("anna", "hall", 18 * 24, 18 * 24 + 1);
  city.Visit("bert", "hall", 18 * 24, 18 * 24 + 1);
  city.Report("anna", 18 * 24);
  EXPECT_EQ(city.Contacts("anna"), "bert hall PLACE 2022-01-19:60");
  EXPECT_EQ(CountMembers(city, "pins:"), 1u);

  // They stay until their cases say otherwise.
  EXPECT_EQ(city.Contacts("case0"), found);
  city.Setting("hall", v1::SETTING_CATEGORY_CATERING, 30);
  EXPECT_EQ(city.Contacts("case0"), found);
  for (int i = 0; i < 20; ++i) {
    city.SetState(city.CaseId("case" + std::to_string(i)), v1::CASE_STATE_EXCLUDED);
  }
  EXPECT_EQ(city.Contacts("case0"), "");
  EXPECT_EQ(CountMembers(city, "settled-pins:"), 0u);
  EXPECT_EQ(CountMembers(city, "pins:"), 1u);
}

TEST(ContactTracingRetentionTest, ASettingMadeKnownWhenAllIsForgottenAnswersItsManyCases) {
  FoldCity city;
  city.driver().drop_one_in = 1000;
  city.Tick(12);
  const auto name = [](int number) { return "case" + std::to_string(number); };
  const auto searching = [&](int cases) {
    int count = 0;
    for (int i = 0; i < cases; ++i) count += city.IsSearching(city.CaseId(name(i))) ? 1 : 0;
    return count;
  };
  constexpr int kForgotten = 150;
  constexpr int kFresh = 80;
  for (int i = 0; i < kForgotten; ++i) {
    city.Visit(name(i), "hall", 9, 10);
    city.Report(name(i), 30);
  }
  city.Visit("bert", "hall", 48, 49);
  city.Tick(19 * 24);
  EXPECT_EQ(CountMembers(city, "settled-pins:"), size_t{kForgotten});
  for (int i = kForgotten; i < kForgotten + kFresh; ++i) {
    city.Visit(name(i), "hall", 18 * 24, 18 * 24 + 1);
    city.Report(name(i), 18 * 24);
  }
  city.Run();
  EXPECT_EQ(searching(kForgotten + kFresh), kForgotten + kFresh);
  city.Setting("hall");
  city.Run();
  EXPECT_EQ(searching(kForgotten + kFresh), 0);
  EXPECT_LE(city.driver().emissions_max(), kEventsPerRecordMax);

  // Known before, only those are searched for whom something can change.
  const size_t before = city.driver().events_folded();
  city.Setting("hall", v1::SETTING_CATEGORY_CATERING, 30);
  city.Run();
  EXPECT_EQ(searching(kForgotten + kFresh), 0);
  EXPECT_LT(city.driver().events_folded() - before, kFresh * 20u);
  city.CheckDigests();
}

TEST(ContactTracingRetentionTest, WhoMovesOftenIsTracedInTheHouseholdOfNow) {
  FoldCity city;
  city.Lives("anna", "home0", 0, 900);
  city.Lives("bert", "home0", 0, 900);
  city.Report("bert", 30);
  city.Isolate("bert", 60, 300);
  const std::string first_home = city.Contacts("bert");
  EXPECT_NE(first_home.find("anna home0 CLOSE"), std::string::npos);
  for (int move = 1; move < 40; ++move) {
    city.Lives("bert", "home" + std::to_string(move), move * 1000, move * 1000 + 900);
    city.Tick(move * 1000 + 500);
  }
  EXPECT_EQ(city.driver().TakeIgnored(), std::vector<std::string>());
  city.Lives("anna", "home39", 39 * 1000);
  city.Report("anna", 39 * 1000 + 100);
  EXPECT_NE(city.Contacts("anna").find("bert home39 CLOSE"), std::string::npos);
  // What a case rests on is not let go of; and what was let go of can still be taken back.
  EXPECT_EQ(city.Contacts("bert"), first_home);
  const std::string let_go = "standing:" + city.HouseholdId("home1");
  EXPECT_EQ(CountMembers(city, let_go), 1u);
  city.Lives("bert", "home1", std::nullopt);
  city.Lives("bert", "home0", std::nullopt);
  EXPECT_EQ(city.Contacts("bert"), "");
  EXPECT_EQ(CountMembers(city, let_go), 0u);
}

TEST(ContactTracingRetentionTest, TooManyHouseholdsAtOnceAreNotTakenIn) {
  FoldCity city;
  city.Tick(48);
  for (int i = 0; i < 17; ++i) city.Lives("bert", "home" + std::to_string(i));
  city.Run();
  EXPECT_EQ(city.driver().TakeIgnored(), std::vector<std::string>{"MEMBERSHIP_LIMIT"});
}

// On the last day before a day is forgotten, a late check-in of the day after still ends a stay of
// that day, whose ever it is.
TEST(ContactTracingRetentionTest, OnTheLastDayBothSidesFollowTheirNextCheckIn) {
  for (const std::string late : {"anna", "bert"}) {
    for (const bool case_first : {false, true}) {
      FoldCity city;
      city.Tick(10 * 24);
      city.Setting("bar");
      city.Visit("anna", "bar", 23);
      city.Visit("bert", "bar", 23);
      if (case_first) {
        city.Report("anna", 30);
        EXPECT_EQ(city.Contacts("anna"), "bert bar PLACE 2022-01-01:60,2022-01-02:60");
      }
      city.Tick(15 * 24 + 1);  // the first day is past, and forgotten tomorrow
      city.Visit(late, "cafe", 24 + 1.0 / 12);
      city.Run();
      city.Report("anna", 30);
      EXPECT_EQ(city.Contacts("anna"), "bert bar PLACE 2022-01-01:60,2022-01-02:5") << late;
      EXPECT_EQ(city.driver().TakeIgnored(), std::vector<std::string>());
    }
  }
}

TEST(ContactTracingRetentionTest, ADayAtTheEdgeKeepsWhatReachesInFromTheDayBefore) {
  FoldCity city;
  city.Tick(10 * 24);
  city.Setting("bar");
  city.Visit("anna", "bar", 23, 26);
  city.Visit("bert", "bar", 23, 26);
  city.Report("anna", 10);
  EXPECT_EQ(city.Contacts("anna"), "bert bar PLACE 2022-01-01:60,2022-01-02:120");
  city.Tick(15 * 24 + 1);  // the first day is past, the second is not
  city.Visit("anna", "bar", 24 + 5, 24 + 6);
  city.Visit("bert", "bar", 24 + 5, 24 + 6);
  EXPECT_EQ(city.Contacts("anna"), "bert bar PLACE 2022-01-01:60,2022-01-02:180");
}

// A day is forgotten one day before the day after it: that one keeps what reached in from it.
TEST(ContactTracingRetentionTest, ADayKeepsWhatReachedInFromADayThatIsForgotten) {
  FoldCity city;
  city.Tick(10 * 24);
  city.Setting("bar");
  city.Visit("anna", "bar", 23.995, 26);
  city.Visit("bert", "bar", 23.995, 26);
  city.Report("anna", 10);
  EXPECT_EQ(city.Contacts("anna"), "bert bar PLACE 2022-01-02:120");
  city.Tick(16 * 24 + 1);  // the first day is forgotten, the second is past
  city.Visit("anna", "bar", 48 + 5, 48 + 6);
  EXPECT_EQ(city.Contacts("anna"), "bert bar PLACE 2022-01-02:120");
  city.Isolate("anna", 50 * 24, std::nullopt);
  EXPECT_EQ(city.Contacts("anna"), "bert bar PLACE 2022-01-02:120");
  city.Visit("bert", "bar", 48 + 5, 48 + 6);
  EXPECT_EQ(city.Contacts("anna"), "bert bar PLACE 2022-01-02:120,2022-01-03:60");
  // Also when that day is forgotten too.
  city.Tick(17 * 24 + 1);
  city.EndIsolation("anna");
  EXPECT_EQ(city.Contacts("anna"), "bert bar PLACE 2022-01-02:120,2022-01-03:60");
}

}  // namespace
}  // namespace epigrid::contact_tracing
