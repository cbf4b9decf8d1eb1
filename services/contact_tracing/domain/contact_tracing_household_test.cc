// Households: who visits those who live there, and who stays when visitors come.
#include <gtest/gtest.h>

#include "services/contact_tracing/domain/fold_city.h"

namespace epigrid::contact_tracing {
namespace {

TEST(ContactTracingHouseholdTest, WhoVisitsACaseAtHomeIsACloseContact) {
  FoldCity city;
  city.Lives("anna", "home");
  city.VisitHome("bert", "home", 20, 22.5);
  city.VisitHome("carl", "home", 30);  // for as long as is usual
  city.VisitHome("dora", "home", -60, -59);
  city.Report("anna", 50);
  EXPECT_EQ(city.Contacts("anna"),
            "bert home CLOSE 2022-01-01:150; carl home CLOSE 2022-01-02:120");
  EXPECT_EQ(city.Case(city.CaseId("anna")).search_state(), v1::SEARCH_STATE_COMPLETE);
  // Who comes later is found too, and nobody once the case has been brought away.
  city.VisitHome("emil", "home", 47, 49);
  EXPECT_NE(city.Contacts("anna").find("emil home CLOSE 2022-01-02:60,2022-01-03:60"),
            std::string::npos);
  city.Isolate("anna", 21, std::nullopt);
  EXPECT_EQ(city.Contacts("anna"), "bert home CLOSE 2022-01-01:60");
}

TEST(ContactTracingHouseholdTest, ACaseWhoVisitsAHouseholdExposesWhoLivesThere) {
  FoldCity city;
  city.Lives("bert", "home");
  city.Lives("carl", "home", 0, 21);
  city.VisitHome("anna", "home", 20, 22);
  city.VisitHome("dora", "home", 21, 25);
  city.Report("anna", 50);
  EXPECT_EQ(city.Contacts("anna"),
            "bert home CLOSE 2022-01-01:120; carl home CLOSE 2022-01-01:60; "
            "dora home CLOSE 2022-01-01:60");
  // Whom the registry names last.
  city.Lives("emil", "home", 21.5);
  EXPECT_NE(city.Contacts("anna").find("emil home CLOSE 2022-01-01:30"), std::string::npos);
  city.Isolate("bert", 10, std::nullopt);
  city.Lives("carl", "home", std::nullopt);
  city.Lives("emil", "home", std::nullopt);
  EXPECT_EQ(city.Contacts("anna"), "dora home CLOSE 2022-01-01:60");
}

TEST(ContactTracingHouseholdTest, WhoLivesThereAndChecksInCountsOnce) {
  FoldCity city;
  city.LivesIn("anna", "home", {{0, 22}});
  city.LivesIn("bert", "home", {{0, 21}});
  city.VisitHome("anna", "home", 20, 23);
  city.VisitHome("bert", "home", 20.5, 24);
  city.Report("anna", 50);
  EXPECT_EQ(city.Contacts("anna"), "bert home CLOSE 2022-01-01:180");
}

TEST(ContactTracingHouseholdTest, AVisitThatIsForgottenStaysCounted) {
  FoldCity city;
  city.Tick(48);
  city.Lives("anna", "home");
  city.VisitHome("bert", "home", 20, 22);
  city.Report("anna", 50);
  const std::string found = city.Contacts("anna");
  EXPECT_EQ(found, "bert home CLOSE 2022-01-01:120");
  city.Tick(40 * 24);
  city.Lives("carl", "home", 200);
  city.VisitHome("bert", "home", 39 * 24, 39 * 24 + 1);
  EXPECT_NE(city.Contacts("anna").find("bert home CLOSE 2022-01-01:120,2022-02-09:60"),
            std::string::npos);
  city.Isolate("anna", 60, std::nullopt);
  EXPECT_EQ(city.Contacts("anna"), found);
  city.Lives("anna", "home", std::nullopt);
  EXPECT_EQ(city.Contacts("anna"), "");
}

}  // namespace
}  // namespace epigrid::contact_tracing
