#include "tools/citysim/write_checkins.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "tools/citysim/checkins.h"
#include "tools/import_format/row_writer.h"

namespace epigrid::citysim {
namespace {

constexpr Duration kLookBack = std::chrono::hours(48);
constexpr Duration kTogether = std::chrono::hours(2);
constexpr Duration kSampledBefore = std::chrono::hours(6);
constexpr Duration kReportedBefore = std::chrono::hours(1);

// A passport number that no two users share: users are numbered in order of their names.
std::string PassportNumber(size_t user_number) { return fmt::format("X{:08}", user_number); }

template <typename Row, typename Rows, typename MakeRow>
Status WriteAll(const WriteOptions& options, std::string_view name, const Rows& rows,
                const MakeRow& make_row) {
  EPIGRID_ASSIGN_OR_RETURN(RowWriter<Row> writer, RowWriter<Row>::Create(options.directory / name));
  size_t number = 0;
  for (const auto& item : rows) EPIGRID_RETURN_IF_ERROR(writer.Write(make_row(item, number++)));
  EPIGRID_RETURN_IF_ERROR(writer.Finish());
  if (options.on_progress) options.on_progress(name, writer.rows());
  return OkStatus();
}

// Who was at the same places as most others, about the same time, shortly before the anchor.
std::string BusiestUser(const std::vector<CheckIn>& check_ins, Time anchor) {
  std::unordered_map<std::string, std::vector<const CheckIn*>> by_place;
  for (const CheckIn& check_in : check_ins) {
    if (check_in.time >= anchor - kLookBack && check_in.time < anchor - kSampledBefore) {
      by_place[check_in.place].push_back(&check_in);
    }
  }
  std::map<std::string, std::set<std::string>> met;
  for (const auto& [place, visits] : by_place) {
    for (const CheckIn* one : visits) {
      for (const CheckIn* other : visits) {
        if (one->user == other->user) continue;
        if (std::chrono::abs(one->time - other->time) < kTogether)
          met[one->user].insert(other->user);
      }
    }
  }
  const auto busiest = std::max_element(met.begin(), met.end(), [](const auto& a, const auto& b) {
    return a.second.size() < b.second.size();
  });
  return busiest == met.end() ? check_ins.front().user : busiest->first;
}

}  // namespace

Result<CheckInCity> WriteCheckIns(const std::filesystem::path& path, Time anchor,
                                  const WriteOptions& options) {
  CheckInCity city;
  EPIGRID_ASSIGN_OR_RETURN(
      std::vector<CheckIn> check_ins, ReadCheckIns(path, [&](uint64_t line, const Status& problem) {
        ++city.refused;
        fmt::print(stderr, "{}:{}: {}\n", path.string(), line, problem.ToString());
      }));
  if (check_ins.empty()) {
    return InvalidArgument("CHECKINS_EMPTY", "the file has no good row: nothing was written");
  }
  std::set<std::string> users;
  std::map<std::string, const CheckIn*> places;
  for (CheckIn& check_in : check_ins) {
    check_in.time = ShiftIntoWindow(check_in.time, anchor);
    users.insert(check_in.user);
    places.emplace(check_in.place, &check_in);
  }
  std::error_code failure;
  std::filesystem::create_directories(options.directory, failure);
  if (failure) {
    return Unavailable("FILE_WRITE_FAILED",
                       fmt::format("directory {} cannot be made: {}", options.directory.string(),
                                   failure.message()));
  }
  EPIGRID_RETURN_IF_ERROR(WriteAll<PersonRow>(options, "people.csv", users,
                                              [&](const std::string& user, size_t number) {
                                                PersonRow row;
                                                row.person = PersonIdOfUser(user);
                                                row.document_type = "PASSPORT";
                                                row.document_number = PassportNumber(number);
                                                row.document_issuer = "UTO";
                                                row.name = "User " + user;
                                                row.language = "en";
                                                row.contact_endpoint = options.contact_endpoint;
                                                row.contact_address = "user-" + user;
                                                return row;
                                              }));
  EPIGRID_RETURN_IF_ERROR(
      WriteAll<SettingRow>(options, "settings.csv", places, [](const auto& place, size_t) {
        SettingRow row;
        row.setting = SettingIdOfPlace(place.first);
        row.category = "OTHER";
        row.latitude = place.second->latitude;
        row.longitude = place.second->longitude;
        return row;
      }));
  EPIGRID_RETURN_IF_ERROR(
      WriteAll<PresenceRow>(options, "presence.tsv", check_ins, [](const CheckIn& in, size_t) {
        PresenceRow row;
        row.source_id = std::to_string(in.line);
        row.person = PersonIdOfUser(in.user);
        row.setting = SettingIdOfPlace(in.place);
        row.check_in_time = in.time;
        return row;
      }));
  const std::string index_user = BusiestUser(check_ins, anchor);
  EPIGRID_RETURN_IF_ERROR(WriteAll<TestRow>(options, "tests.csv", std::vector<std::string>(),
                                            [](const std::string&, size_t) { return TestRow(); }));
  EPIGRID_RETURN_IF_ERROR(WriteAll<TestRow>(options, "index_test.csv",
                                            std::vector<std::string>{index_user},
                                            [&](const std::string& user, size_t) {
                                              TestRow row;
                                              row.source_id = "index";
                                              row.person = PersonIdOfUser(user);
                                              row.outcome = TestRow::Outcome::kPositive;
                                              row.method = "NUCLEIC_ACID";
                                              row.sampled_time = anchor - kSampledBefore;
                                              row.reported_time = anchor - kReportedBefore;
                                              row.laboratory = "citysim";
                                              return row;
                                            }));
  city.check_ins = check_ins.size();
  city.people = users.size();
  city.places = places.size();
  city.index_person = PersonIdOfUser(index_user);
  return city;
}

}  // namespace epigrid::citysim
