#include "services/contact_tracing/domain/contact_tracing_fold.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>
#include <random>

#include "services/contact_tracing/domain/fold_city.h"
#include "services/contact_tracing/domain/topics.h"
#include "services/contact_tracing/view/keys.h"

namespace epigrid::contact_tracing {
namespace {

TEST(ContactTracingFoldTest, WhoMetACaseIsAContact) {
  FoldCity city;
  city.Setting("cafe");
  city.Visit("anna", "cafe", 9, 11);
  city.Visit("bert", "cafe", 10, 12);
  city.Visit("carl", "cafe", 11, 12);
  city.Report("anna", 30);
  EXPECT_EQ(city.Contacts("anna"), "bert cafe PLACE 2022-01-01:60");
  const v1::Case found = city.Case(city.CaseId("anna"));
  EXPECT_EQ(found.search_state(), v1::SEARCH_STATE_COMPLETE);
  EXPECT_EQ(found.setting_count(), 1u);
  EXPECT_EQ(found.searched_setting_count(), 1u);
}

TEST(ContactTracingFoldTest, ExclusionTakesEverythingBack) {
  FoldCity city;
  city.Setting("cafe");
  city.Visit("anna", "cafe", 9, 11);
  city.Visit("bert", "cafe", 10, 12);
  city.Lives("anna", "home");
  city.Lives("dora", "home");
  city.Report("anna", 30);
  EXPECT_EQ(city.Contacts("anna"),
            "bert cafe PLACE 2022-01-01:60; dora home CLOSE 2022-01-01:0 ongoing");
  city.SetState(city.CaseId("anna"), v1::CASE_STATE_EXCLUDED);
  EXPECT_EQ(city.Contacts("anna"), "");
  EXPECT_EQ(city.Case(city.CaseId("anna")).search_state(), v1::SEARCH_STATE_COMPLETE);
  city.SetState(city.CaseId("anna"), v1::CASE_STATE_CONFIRMED);
  EXPECT_EQ(city.Contacts("anna"),
            "bert cafe PLACE 2022-01-01:60; dora home CLOSE 2022-01-01:0 ongoing");
}

TEST(ContactTracingFoldTest, AStayWithoutCheckOutEndsAtTheNextCheckInOrTheUsualStay) {
  FoldCity city;
  city.Setting("cafe");
  city.Setting("shop", v1::SETTING_CATEGORY_SHOP, 30);
  city.Visit("anna", "cafe", 8, 20);
  city.Visit("anna", "shop", 20, 23);
  city.Visit("bert", "cafe", 9);
  city.Visit("bert", "unknown", 9.5);
  city.Visit("carl", "cafe", 9);
  city.Visit("dora", "shop", 20);
  city.Report("anna", 30);
  EXPECT_EQ(city.Contacts("anna"),
            "bert cafe PLACE 2022-01-01:30; carl cafe PLACE 2022-01-01:120; "
            "dora shop PLACE 2022-01-01:30");
  // A later fact about the next check-in changes what was found before.
  city.Visit("carl", "unknown", 10);
  city.Delete("bert", "bert-unknown-9.500000", 2);
  EXPECT_EQ(city.Contacts("anna"),
            "bert cafe PLACE 2022-01-01:120; carl cafe PLACE 2022-01-01:60; "
            "dora shop PLACE 2022-01-01:30");
}

TEST(ContactTracingFoldTest, StaysReachOverMidnightAndCountByLocalDay) {
  FoldCity city;
  city.Setting("bar");
  city.Visit("anna", "bar", 22, 26);
  city.Visit("bert", "bar", 23, 25.5);
  city.Report("anna", 30);
  EXPECT_EQ(city.Contacts("anna"), "bert bar PLACE 2022-01-01:60,2022-01-02:90");
}

TEST(ContactTracingFoldTest, TheWindowBeginsTwoDaysBeforeTheAnchorAndEndsWithIsolation) {
  FoldCity city;
  city.Setting("cafe");
  for (int day = 0; day < 6; ++day) {
    city.Visit("anna", "cafe", day * 24 + 9, day * 24 + 10);
    city.Visit("bert", "cafe", day * 24 + 9, day * 24 + 10);
  }
  city.Report("anna", 4 * 24 + 12);
  EXPECT_EQ(city.Contacts("anna"),
            "bert cafe PLACE 2022-01-03:60,2022-01-04:60,2022-01-05:60,2022-01-06:60");
  city.Isolate("anna", 4 * 24 + 9.5, std::nullopt);
  EXPECT_EQ(city.Contacts("anna"), "bert cafe PLACE 2022-01-03:60,2022-01-04:60,2022-01-05:30");
  city.SetOnset(city.CaseId("anna"), 3 * 24 + 1);
  EXPECT_EQ(city.Contacts("anna"),
            "bert cafe PLACE 2022-01-02:60,2022-01-03:60,2022-01-04:60,2022-01-05:30");
  city.EndIsolation("anna");
  city.SetOnset(city.CaseId("anna"), std::nullopt);
  EXPECT_EQ(city.Contacts("anna"),
            "bert cafe PLACE 2022-01-03:60,2022-01-04:60,2022-01-05:60,2022-01-06:60");
}

TEST(ContactTracingFoldTest, IsolationAtHomeEndsVisitsOnlyAndSeparationTheHouseholdToo) {
  FoldCity city;
  city.Lives("anna", "home");
  city.Lives("bert", "home");
  city.Report("anna", 50);
  city.Isolate("anna", 60, std::nullopt, false);
  EXPECT_EQ(city.Contacts("anna"), "bert home CLOSE 2022-01-01:0 ongoing");
  city.Isolate("anna", 60, std::nullopt, true);
  EXPECT_EQ(city.Contacts("anna"), "bert home CLOSE 2022-01-01:0,2022-01-02:0,2022-01-03:0");
  city.EndIsolation("anna");
  city.Isolate("bert", 30, std::nullopt, true);
  EXPECT_EQ(city.Contacts("anna"), "bert home CLOSE 2022-01-01:0,2022-01-02:0");
}

TEST(ContactTracingFoldTest, WhoMovesBackInKeepsTheContactsOfTheFirstStay) {
  FoldCity city;
  city.Lives("anna", "home");
  city.LivesIn("bert", "home", {{0, 60}});
  city.LivesIn("carl", "home", {{0, 30}});
  city.Report("anna", 50);
  city.Isolate("anna", 80, std::nullopt);
  const std::string of_carl = "carl home CLOSE 2022-01-01:0,2022-01-02:0";
  EXPECT_EQ(city.Contacts("anna"),
            "bert home CLOSE 2022-01-01:0,2022-01-02:0,2022-01-03:0; " + of_carl);
  city.LivesIn("bert", "home", {{0, 60}, {200, std::nullopt}});
  EXPECT_EQ(city.Contacts("anna"),
            "bert home CLOSE 2022-01-01:0,2022-01-02:0,2022-01-03:0; " + of_carl);
  // Back while the window is open; the day between is none of theirs.
  city.LivesIn("carl", "home", {{0, 20}, {50, std::nullopt}});
  EXPECT_EQ(city.Contacts("anna"),
            "bert home CLOSE 2022-01-01:0,2022-01-02:0,2022-01-03:0; "
            "carl home CLOSE 2022-01-01:0,2022-01-03:0,2022-01-04:0");
}

TEST(ContactTracingFoldTest, WhoMovesBackWhoIsTheCaseInfectsInBothStays) {
  FoldCity city;
  city.LivesIn("anna", "home", {{0, 20}, {50, std::nullopt}});
  city.Lives("bert", "home");
  city.Report("anna", 50);
  city.Isolate("anna", 60, std::nullopt);
  EXPECT_EQ(city.Contacts("anna"), "bert home CLOSE 2022-01-01:0,2022-01-03:0");
}

TEST(ContactTracingFoldTest, WhoRecoversAtHomeExposesTheHouseholdNoLonger) {
  FoldCity city;
  city.Lives("anna", "home");
  city.Lives("bert", "home");
  city.Report("anna", 50);
  city.Isolate("anna", 60, 84, false);
  const std::string found = "bert home CLOSE 2022-01-01:0,2022-01-02:0,2022-01-03:0,2022-01-04:0";
  EXPECT_EQ(city.Contacts("anna"), found);
  city.Lives("carl", "home", 1200);
  EXPECT_EQ(city.Contacts("anna"), found);
}

TEST(ContactTracingFoldTest, PresenceAtAnUnknownSettingIsMatchedWhenItArrives) {
  FoldCity city;
  city.Visit("anna", "cafe", 9, 11);
  city.Visit("bert", "cafe", 10);
  city.Report("anna", 30);
  EXPECT_EQ(city.Contacts("anna"), "");
  EXPECT_EQ(city.Case(city.CaseId("anna")).search_state(), v1::SEARCH_STATE_SEARCHING);
  city.Setting("cafe");
  EXPECT_EQ(city.Contacts("anna"), "bert cafe PLACE 2022-01-01:60");
  EXPECT_EQ(city.Case(city.CaseId("anna")).search_state(), v1::SEARCH_STATE_COMPLETE);
  city.Setting("cafe", v1::SETTING_CATEGORY_CATERING, 30);
  EXPECT_EQ(city.Contacts("anna"), "bert cafe PLACE 2022-01-01:30");
  city.Setting("cafe", v1::SETTING_CATEGORY_HOUSEHOLD, 30);
  EXPECT_EQ(city.Contacts("anna"), "bert cafe CLOSE 2022-01-01:30");
}

TEST(ContactTracingFoldTest, ACrowdIsSearchedInPartsAndEverybodyIsFound) {
  for (const int people : {12, 13, 100}) {
    FoldCity city(people);
    city.Setting("hall");
    for (int i = 0; i < people; ++i) city.Visit("guest" + std::to_string(i), "hall", 9, 10);
    city.Visit("anna", "hall", 9, 10);
    city.Report("anna", 30);
    const std::string all = city.Contacts("anna");
    EXPECT_EQ(std::count(all.begin(), all.end(), ';'), people - 1);
    // Narrowed while the parts of the search are under way: nobody is lost, nobody is left over.
    city.SetOnset(city.CaseId("anna"), 20);
    for (int i = 0; i < people / 2; ++i) city.driver().Step();
    city.Visit("late", "hall", 9.5, 10);
    city.Isolate("anna", 9.75, std::nullopt);
    const std::string narrowed = city.Contacts("anna");
    EXPECT_EQ(std::count(narrowed.begin(), narrowed.end(), ';'), people);
    EXPECT_NE(narrowed.find("late hall PLACE 2022-01-01:15"), std::string::npos) << narrowed;
    EXPECT_EQ(narrowed.find(":60"), std::string::npos);
    city.SetState(city.CaseId("anna"), v1::CASE_STATE_EXCLUDED);
    EXPECT_EQ(city.Contacts("anna"), "");
    EXPECT_EQ(city.Case(city.CaseId("anna")).search_state(), v1::SEARCH_STATE_COMPLETE);
  }
}

TEST(ContactTracingFoldTest, ASettingThatChangesIsSearchedAgainBeforeItIsComplete) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    FoldCity city(seed);
    city.Setting("hall");
    for (int i = 0; i < 100; ++i) city.Visit("guest" + std::to_string(i), "hall", 9);
    city.Visit("anna", "hall", 9);
    city.Report("anna", 30);
    city.Run();
    city.Setting("hall", v1::SETTING_CATEGORY_CATERING, 30);
    city.Setting("hall", v1::SETTING_CATEGORY_CATERING, 45);
    bool was_searching = false;
    while (city.driver().Step()) {
      const bool is_searching = city.IsSearching(city.CaseId("anna"));
      if (was_searching && !is_searching) {
        const std::string listed = city.Listed(city.CaseId("anna"));
        ASSERT_EQ(std::count(listed.begin(), listed.end(), ';'), 99);
        ASSERT_EQ(listed.find(":30"), std::string::npos);
        ASSERT_EQ(listed.find(":120"), std::string::npos);
      }
      was_searching |= is_searching;
    }
    EXPECT_TRUE(was_searching);
    EXPECT_FALSE(city.IsSearching(city.CaseId("anna")));
  }
}

TEST(ContactTracingFoldTest, ACrowdIsListedAPageAtATime) {
  FoldCity city;
  city.Setting("station");
  for (int i = 0; i < 4000; ++i) city.Visit("guest" + std::to_string(i), "station", 9, 10);
  city.Visit("anna", "station", 9, 10);
  city.Report("anna", 30);
  city.Run();
  EXPECT_EQ(city.Case(city.CaseId("anna")).search_state(), v1::SEARCH_STATE_COMPLETE);
  EXPECT_LE(city.driver().emissions_max(), 200u);
  const std::string all = city.Listed(city.CaseId("anna"));
  EXPECT_EQ(std::count(all.begin(), all.end(), ';'), 3999);
  city.Setting("station", v1::SETTING_CATEGORY_TRANSPORT, 30);
  city.SetState(city.CaseId("anna"), v1::CASE_STATE_EXCLUDED);
  EXPECT_EQ(city.Contacts("anna"), "");
  EXPECT_LE(city.driver().emissions_max(), 200u);
  EXPECT_EQ(city.Case(city.CaseId("anna")).search_state(), v1::SEARCH_STATE_COMPLETE);
}

TEST(ContactTracingFoldTest, ManyCasesInOneSettingAllMeetALateGuest) {
  FoldCity city;
  city.Setting("hall");
  for (int i = 0; i < 40; ++i) {
    const std::string name = "case" + std::to_string(i);
    city.Visit(name, "hall", 9, 10);
    city.Report(name, 30);
  }
  city.Visit("late", "hall", 9, 10);
  for (int i = 0; i < 40; ++i) {
    const std::string contacts = city.Contacts("case" + std::to_string(i));
    EXPECT_NE(contacts.find("late hall PLACE 2022-01-01:60"), std::string::npos) << i;
    EXPECT_EQ(std::count(contacts.begin(), contacts.end(), ';'), 39);
  }
}

// --- cases ------------------------------------------------------------------------------------

TEST(ContactTracingFoldTest, APositiveTestOpensAProvisionalCaseAndItsWithdrawalExcludesIt) {
  FoldCity city;
  city.Setting("cafe");
  city.Visit("anna", "cafe", 9, 11);
  city.Visit("bert", "cafe", 10, 12);
  city.Test("anna", "t1", 30);
  ASSERT_EQ(city.CasesOf("anna").size(), 1u);
  const std::string case_id = city.CasesOf("anna")[0];
  EXPECT_EQ(ShardOf(case_id, 4), ShardOf(city.PersonId("anna"), 4));
  EXPECT_EQ(city.Case(case_id).state(), v1::CASE_STATE_PROVISIONAL);
  EXPECT_EQ(city.ContactsOf(case_id), "bert cafe PLACE 2022-01-01:60");

  city.Test("anna", "t2", 40);
  EXPECT_EQ(city.CasesOf("anna").size(), 1u);
  city.Test("anna", "t1", 30, health_code::v1::TEST_OUTCOME_NEGATIVE);
  EXPECT_EQ(city.Case(case_id).state(), v1::CASE_STATE_PROVISIONAL);
  city.Test("anna", "t2", 40, health_code::v1::TEST_OUTCOME_POSITIVE, true);
  EXPECT_EQ(city.Case(case_id).state(), v1::CASE_STATE_EXCLUDED);
  EXPECT_EQ(city.ContactsOf(case_id), "");
  city.Test("anna", "t1", 30);
  EXPECT_EQ(city.Case(case_id).state(), v1::CASE_STATE_PROVISIONAL);
  EXPECT_EQ(city.ContactsOf(case_id), "bert cafe PLACE 2022-01-01:60");

  city.SetState(case_id, v1::CASE_STATE_CONFIRMED);
  city.Test("anna", "t1", 30, health_code::v1::TEST_OUTCOME_POSITIVE, true);
  EXPECT_EQ(city.Case(case_id).state(), v1::CASE_STATE_CONFIRMED);
  EXPECT_EQ(city.ContactsOf(case_id), "bert cafe PLACE 2022-01-01:60");
}

TEST(ContactTracingFoldTest, ReportAndTestOfOneInfectionAreOneCaseInEitherOrder) {
  FoldCity first;
  first.Test("anna", "t1", 50);
  first.Report("anna", 60, 30);
  ASSERT_EQ(first.CasesOf("anna").size(), 1u);
  FoldCity second;
  second.Report("anna", 60, 30);
  second.Test("anna", "t1", 50);
  ASSERT_EQ(second.CasesOf("anna").size(), 1u);
  v1::Case a = first.Case(first.CasesOf("anna")[0]);
  v1::Case b = second.Case(second.CasesOf("anna")[0]);
  a.clear_case_id();
  b.clear_case_id();
  EXPECT_EQ(a.SerializeAsString(), b.SerializeAsString());
  EXPECT_EQ(a.state(), v1::CASE_STATE_REPORTED);
}

TEST(ContactTracingFoldTest, TheEarlierOfTwoReportedOnsetsStandsInEitherOrder) {
  for (const bool earlier_first : {true, false}) {
    FoldCity city;
    city.Setting("cafe");
    city.Visit("anna", "cafe", 9, 11);
    city.Visit("bert", "cafe", 9, 11);
    city.Report("anna", std::nullopt, earlier_first ? 30 : 100);
    city.Report("anna", std::nullopt, earlier_first ? 100 : 30, 1);
    EXPECT_EQ(city.Contacts("anna"), "bert cafe PLACE 2022-01-01:120");
    EXPECT_EQ(city.CasesOf("anna").size(), 1u);
  }
}

TEST(ContactTracingFoldTest, AReportDoesNotReplaceACorrectedOnset) {
  FoldCity city;
  city.Setting("cafe");
  city.Visit("anna", "cafe", 9, 11);
  city.Visit("bert", "cafe", 9, 11);
  city.Report("anna", 100, 30);
  city.SetOnset(city.CaseId("anna"), 90);
  city.Report("anna", 100, 30, 1);
  EXPECT_EQ(city.Contacts("anna"), "");
  city.SetOnset(city.CaseId("anna"), std::nullopt);
  city.Report("anna", 100, 30, 2);
  EXPECT_EQ(city.Contacts("anna"), "");
  city.SetOnset(city.CaseId("anna"), 40);
  EXPECT_EQ(city.Contacts("anna"), "bert cafe PLACE 2022-01-01:120");
}

TEST(ContactTracingFoldTest, ANewInfectionIsANewCase) {
  FoldCity city;
  city.Setting("cafe");
  city.Visit("anna", "cafe", 9, 11);
  city.Visit("bert", "cafe", 9, 11);
  city.Report("anna", 30);
  city.Report("anna", 30 + 61 * 24, std::nullopt, 1);
  EXPECT_EQ(city.CasesOf("anna").size(), 2u);
  city.Visit("anna", "cafe", 61 * 24 + 9, 61 * 24 + 11);
  city.Visit("bert", "cafe", 61 * 24 + 9, 61 * 24 + 11);
  EXPECT_EQ(city.Contacts("anna", 1), "bert cafe PLACE 2022-03-03:120");
  city.SetState(city.CaseId("anna", 0), v1::CASE_STATE_EXCLUDED);
  EXPECT_EQ(city.Contacts("anna", 0), "");
  EXPECT_EQ(city.Contacts("anna", 1), "bert cafe PLACE 2022-03-03:120");
}

TEST(ContactTracingFoldTest, AnExcludedCaseIsNotJoinedByALaterPositive) {
  FoldCity city;
  city.Test("anna", "t1", 30);
  const std::string case_id = city.CasesOf("anna").at(0);
  city.SetState(case_id, v1::CASE_STATE_EXCLUDED);
  city.Test("anna", "t1", 31);
  EXPECT_EQ(city.Case(case_id).state(), v1::CASE_STATE_EXCLUDED);
  city.Test("anna", "t2", 50);
  EXPECT_EQ(city.CasesOf("anna").size(), 2u);
}

TEST(ContactTracingFoldTest, DecidedCommandsAreAnswered) {
  FoldCity city;
  const size_t opened = city.Report("anna", 30);
  const size_t unknown = city.SetState(city.CaseId("bert"), v1::CASE_STATE_CONFIRMED);
  const size_t timeless = city.Report("bert", std::nullopt);
  city.Run();
  ASSERT_NE(city.driver().outcome(opened), nullptr);
  v1::Case answered;
  ASSERT_TRUE(answered.ParseFromString(city.driver().outcome(opened)->result));
  EXPECT_EQ(answered.case_id(), city.CaseId("anna"));
  EXPECT_EQ(answered.state(), v1::CASE_STATE_REPORTED);
  EXPECT_EQ(city.driver().outcome(unknown)->status.reason(), "CASE_UNKNOWN");
  EXPECT_EQ(city.driver().outcome(timeless)->status.reason(), "CASE_TIME_MISSING");
  EXPECT_EQ(city.driver().published(kCaseTopic).size(), 1u);
}

// --- order ------------------------------------------------------------------------------------

// Whatever the order in which the facts come, the contacts in the end are the same.
void ExpectSameInEveryOrder(const std::vector<std::function<void(FoldCity&)>>& facts,
                            const std::string& expected, bool run_between) {
  std::vector<size_t> order(facts.size());
  std::iota(order.begin(), order.end(), 0);
  uint64_t seed = 0;
  do {
    FoldCity city(++seed);
    for (const size_t fact : order) {
      facts[fact](city);
      if (run_between) city.Run();
    }
    ASSERT_EQ(city.Contacts("anna"), expected) << testing::PrintToString(order);
    ASSERT_EQ(city.Case(city.CaseId("anna")).search_state(), v1::SEARCH_STATE_COMPLETE);
  } while (std::next_permutation(order.begin(), order.end()));
}

// What presence changes of a case's pins, setting by setting, is what working them all out anew
// would: nothing is left to change then.
TEST(ContactTracingFoldOrderTest, PinsFollowPresenceOneByOneAsTheyWouldAsAWhole) {
  for (uint64_t seed = 0; seed < 30; ++seed) {
    std::mt19937_64 random(seed);
    FoldCity city(seed);
    city.Lives("anna", "home");
    if (seed % 2 == 0) city.Lives("bert", "home");
    city.Report("anna", 3 * 24);
    std::vector<std::pair<std::string, uint32_t>> visits;  // source id, newest revision
    for (int i = 0; i < 60; ++i) {
      const double from = static_cast<double>(random() % 576) / 4;  // of six days
      const auto until = random() % 2 == 0 ? std::nullopt : std::optional(from + 1.5);
      const std::string setting = "cafe" + std::to_string(random() % 5);
      const size_t what = random() % 8;
      if (what < 4 || visits.empty()) {
        visits.emplace_back("visit" + std::to_string(i), 1);
        city.Visit("anna", setting, from, until, visits.back().first, 1);
      } else if (what == 4) {
        city.VisitHome("anna", random() % 2 == 0 ? "home" : "friends", from, until);
      } else {
        auto& [source_id, revision] = visits[random() % visits.size()];
        ++revision;
        if (what == 5) city.Delete("anna", source_id, revision);
        if (what == 6) city.CheckOut("anna", source_id, from, revision);
        if (what == 7) city.Visit("anna", setting, from, until, source_id, revision);
      }
      if (i == 40) city.Isolate("anna", 5 * 24, std::nullopt);
      city.Run();
      const std::string person_id = city.PersonId("anna"), case_id = city.CaseId("anna");
      const auto pins = city.driver().Members(case_id, keys::CasePins(case_id));
      Event event;
      event.mutable_case_pins_continued()->set_case_id(case_id);
      event.mutable_case_pins_continued()->set_person_id(person_id);
      city.driver().Send(case_id, std::move(event));
      ASSERT_EQ(city.driver().Members(case_id, keys::CasePins(case_id)), pins)
          << "seed " << seed << ", fact " << i;
    }
    city.CheckDigests();
  }
}

TEST(ContactTracingFoldOrderTest, VenueCaseAndIsolation) {
  const std::vector<std::function<void(FoldCity&)>> facts = {
      [](FoldCity& city) { city.Visit("anna", "cafe", 9, 11); },
      [](FoldCity& city) { city.Visit("bert", "cafe", 10); },
      [](FoldCity& city) { city.Setting("cafe"); },
      [](FoldCity& city) { city.Report("anna", 30); },
      [](FoldCity& city) { city.Isolate("anna", 10.5, std::nullopt); },
      [](FoldCity& city) { city.Visit("bert", "shop", 10.25); }};
  ExpectSameInEveryOrder(facts, "bert cafe PLACE 2022-01-01:15", true);
  ExpectSameInEveryOrder(facts, "bert cafe PLACE 2022-01-01:15", false);
}

TEST(ContactTracingFoldOrderTest, CheckInCheckOutCorrectionAndDeletion) {
  const std::vector<std::function<void(FoldCity&)>> facts = {
      [](FoldCity& city) {
        city.Setting("cafe");
        city.Report("anna", 30);
        city.Visit("anna", "cafe", 5, 20);
        city.Visit("carl", "cafe", 9, std::nullopt, "c", 1);
      },
      [](FoldCity& city) {
        city.Delete("carl", "c", 2);
        city.Visit("bert", "cafe", 9, std::nullopt, "b", 1);
      },
      [](FoldCity& city) { city.CheckOut("bert", "b", 9.5, 2); },
      [](FoldCity& city) { city.Visit("bert", "cafe", 10, std::nullopt, "b", 3); },
      [](FoldCity& city) { city.CheckOut("bert", "b", 10.75, 4); }};
  ExpectSameInEveryOrder(facts, "bert cafe PLACE 2022-01-01:45", false);
}

TEST(ContactTracingFoldOrderTest, ManyCheckOutsAndDeletionsBeforeTheirCheckIns) {
  FoldCity city;
  city.Setting("cafe");
  city.Visit("anna", "cafe", 0, 24);
  city.Report("anna", 30);
  const auto id = [](int i) { return "presence" + std::to_string(i); };
  for (int i = 0; i < 600; ++i) city.CheckOut("bert", id(i), 0.25 * (i % 48) + 0.5, 2);
  for (int i = 0; i < 600; i += 3) city.Delete("bert", id(i), 3);
  for (int i = 0; i < 600; ++i) city.Visit("bert", "cafe", 0.25 * (i % 48), std::nullopt, id(i));
  EXPECT_EQ(city.Contacts("anna"), "bert cafe PLACE 2022-01-01:720");
  for (int i = 0; i < 600; ++i) city.Delete("bert", id(i), 4);
  EXPECT_EQ(city.Contacts("anna"), "");
  for (const std::string& reason : city.driver().TakeIgnored()) EXPECT_EQ(reason, "PRESENCE_MANY");
}

TEST(ContactTracingFoldOrderTest, HouseholdSeparationAndMove) {
  const std::vector<std::function<void(FoldCity&)>> facts = {
      [](FoldCity& city) { city.Lives("anna", "home"); },
      [](FoldCity& city) { city.Lives("bert", "home", -100, 40); },
      [](FoldCity& city) { city.Lives("carl", "home", 30); },
      [](FoldCity& city) { city.Report("anna", 50); },
      [](FoldCity& city) { city.Isolate("anna", 60, std::nullopt, true); },
      [](FoldCity& city) { city.Isolate("carl", 35, 50, true); }};
  ExpectSameInEveryOrder(facts,
                         "bert home CLOSE 2022-01-01:0,2022-01-02:0; "
                         "carl home CLOSE 2022-01-02:0,2022-01-03:0",
                         false);
}

TEST(ContactTracingFoldOrderTest, VisitorsOfAHousehold) {
  const std::vector<std::function<void(FoldCity&)>> facts = {
      [](FoldCity& city) { city.Lives("anna", "home", 10); },
      [](FoldCity& city) { city.LivesIn("bert", "other", {{-100, 21}, {30, std::nullopt}}); },
      [](FoldCity& city) { city.VisitHome("carl", "home", 9, 12); },
      [](FoldCity& city) { city.VisitHome("anna", "other", 20, 32); },
      [](FoldCity& city) { city.Report("anna", 50); },
      [](FoldCity& city) { city.Isolate("anna", 31, std::nullopt, true); }};
  ExpectSameInEveryOrder(facts,
                         "bert other CLOSE 2022-01-01:60,2022-01-02:60; "
                         "carl home CLOSE 2022-01-01:120",
                         false);
}

TEST(ContactTracingFoldOrderTest, ExclusionLast) {
  std::vector<size_t> order = {0, 1, 2, 3};
  do {
    FoldCity city;
    for (const size_t fact : order) {
      if (fact == 0) city.Visit("anna", "cafe", 9, 11);
      if (fact == 1) city.Visit("bert", "cafe", 9, 11);
      if (fact == 2) city.Setting("cafe");
      if (fact == 3) {
        city.Report("anna", 30);
        city.Run();
        city.SetState(city.CaseId("anna"), v1::CASE_STATE_EXCLUDED);
      }
    }
    ASSERT_EQ(city.Contacts("anna"), "");
  } while (std::next_permutation(order.begin(), order.end()));
}

}  // namespace
}  // namespace epigrid::contact_tracing
