// FoldCity: a small city on a FoldDriver, for tests of the contact tracing fold. People, settings
// and cases have short names; times are hours since 00:00 on 1 January 2022 in Shanghai.
//
//   FoldCity city;
//   city.Setting("cafe");
//   city.Visit("anna", "cafe", 9, 11);
//   city.Visit("bert", "cafe", 10, 12);
//   city.Report("anna", 30);
//   EXPECT_EQ(city.Contacts("anna"), "bert cafe PLACE 2022-01-01:60");
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "epigrid/contact_tracing/state/v1/state.pb.h"
#include "services/contact_tracing/domain/contact_tracing_fold.h"
#include "tests/fakes/fold_driver.h"

namespace epigrid::contact_tracing {

class FoldCity {
 public:
  explicit FoldCity(uint64_t seed = 0, uint32_t shard_count = 4);

  static Time At(double hours);
  std::string PersonId(const std::string& name) const;
  std::string SettingId(const std::string& name) const;
  std::string HouseholdId(const std::string& name) const;
  // Of the case that was reported for the person (number: of several).
  std::string CaseId(const std::string& person, int number = 0) const;

  void Setting(const std::string& name,
               v1::SettingCategory category = v1::SETTING_CATEGORY_CATERING,
               std::optional<int> usual_stay_minutes = std::nullopt);
  // A check-in; the source id is the person, setting and start unless one is given.
  void Visit(const std::string& person, const std::string& setting, double from,
             std::optional<double> until = std::nullopt, const std::string& source_id = "",
             uint32_t revision = 1);
  // A guest of a household, or somebody who lives there and checks in all the same.
  void VisitHome(const std::string& person, const std::string& household, double from,
                 std::optional<double> until = std::nullopt);
  void CheckOut(const std::string& person, const std::string& source_id, double until,
                uint32_t revision);
  void Delete(const std::string& person, const std::string& source_id, uint32_t revision);
  void Lives(const std::string& person, const std::string& household,
             std::optional<double> from = 0, std::optional<double> until = std::nullopt);
  // Of somebody who moves out and back in.
  using Stay = std::pair<double, std::optional<double>>;
  void LivesIn(const std::string& person, const std::string& household,
               const std::vector<Stay>& stays);
  // Kept apart [from, until); `separated`: from the own household too.
  void Isolate(const std::string& person, double from, std::optional<double> until,
               bool separated = true);
  void EndIsolation(const std::string& person);
  void Test(const std::string& person, const std::string& source_id, double sampled,
            health_code::v1::TestOutcome outcome = health_code::v1::TEST_OUTCOME_POSITIVE,
            bool withdrawn = false);
  size_t Report(const std::string& person, std::optional<double> sampled,
                std::optional<double> onset = std::nullopt, int number = 0);
  size_t SetState(const std::string& case_id, v1::CaseState state);
  // Unset: without symptoms.
  size_t SetOnset(const std::string& case_id, std::optional<double> onset);
  void Run() { driver().Run(); }
  void Tick(double hours) { driver().Tick(At(hours)); }

  // "bert cafe PLACE 2022-01-01:60,2022-01-02:5; ..." of the case's list, of what was published for
  // each person, and of what the persons' shards hold: the three must agree. Runs first.
  std::string Contacts(const std::string& person, int number = 0);
  std::string ContactsOf(const std::string& case_id);
  // The case's list alone, as it is now.
  std::string Listed(const std::string& case_id);
  bool IsSearching(const std::string& case_id) const;
  v1::Case Case(const std::string& case_id);
  std::vector<std::string> CasesOf(const std::string& person);
  // Fails the test unless every digest is true.
  void CheckDigests();

  FoldDriver& driver() { return driver_; }
  const FoldDriver& driver() const { return driver_; }

 private:
  std::string NameOf(const std::string& id) const;
  std::map<std::string, std::string> ListOf(const std::string& case_id);  // by name
  std::string DescribeShared(const std::string& person_id, const std::string& bytes);
  v1::Case CaseNow(const std::string& case_id) const;
  std::string Describe(const std::string& person_id,
                       const google::protobuf::RepeatedPtrField<v1::SettingExposure>& settings);
  void Observe(v1::PresenceObservation observation);
  void CheckIn(const std::string& person, const std::string& setting_id, double from,
               std::optional<double> until, const std::string& source_id, uint32_t revision);

  ContactTracingFold fold_;
  FoldDriver driver_;
  const uint32_t shard_count_;
  mutable std::map<std::string, std::string> names_;  // by id
};

}  // namespace epigrid::contact_tracing
