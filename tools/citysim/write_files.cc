#include "tools/citysim/write_files.h"

#include <fmt/format.h>

#include <system_error>
#include <vector>

#include "tools/import_format/row_writer.h"

namespace epigrid::citysim {
namespace {

constexpr uint64_t kRowsPerProgress = 100'000;

// Writes rows to one file, and tells how far it is.
template <typename Row>
class File {
 public:
  File(RowWriter<Row> writer, std::string_view name, const WriteOptions& options)
      : writer_(std::move(writer)), name_(name), options_(options) {}

  // After a failure nothing more is written, and Finish tells it.
  void Write(const Row& row) {
    if (!status_.ok()) return;
    status_ = writer_.Write(row);
    if (writer_.rows() % kRowsPerProgress == 0) Tell();
  }
  Status Finish() {
    EPIGRID_RETURN_IF_ERROR(status_);
    EPIGRID_RETURN_IF_ERROR(writer_.Finish());
    Tell();
    return OkStatus();
  }

 private:
  void Tell() const {
    if (options_.on_progress) options_.on_progress(name_, writer_.rows());
  }

  RowWriter<Row> writer_;
  std::string_view name_;
  const WriteOptions& options_;
  Status status_;
};

template <typename Row>
Result<File<Row>> Open(std::string_view name, const WriteOptions& options) {
  EPIGRID_ASSIGN_OR_RETURN(RowWriter<Row> writer, RowWriter<Row>::Create(options.directory / name));
  return File<Row>(std::move(writer), name, options);
}

Status WritePeople(const City& city, const WriteOptions& options) {
  EPIGRID_ASSIGN_OR_RETURN(auto file, Open<PersonRow>("people.csv", options));
  const auto write = [&](PersonIndex i) {
    const Person& person = city.people()[i];
    PersonRow row;
    row.person = city.PersonIdOf(i);
    row.document_type = "RESIDENT_ID";
    row.document_number = city.ResidentIdOf(i);
    row.name = city.NameOf(i);
    row.language = city.LanguageOf(i);
    if (person.guardian != kNone) row.guardian = city.PersonIdOf(person.guardian);
    row.household = city.HouseholdIdOf(person.household);
    row.household_from_time = city.begin();
    row.region_code = City::RegionCode(city.households()[person.household].grid);
    row.contact_address = city.ContactAddressOf(i);
    if (!row.contact_address.empty()) row.contact_endpoint = options.contact_endpoint;
    file.Write(row);
  };
  for (const Household& household : city.households()) {
    // A guardian stands before the dependants.
    for (const bool dependants : {false, true}) {
      for (uint32_t i = 0; i < household.size; ++i) {
        const PersonIndex person = household.first_member + i;
        if ((city.people()[person].guardian != kNone) == dependants) write(person);
      }
    }
  }
  return file.Finish();
}

Status WriteSettings(const City& city, const WriteOptions& options) {
  EPIGRID_ASSIGN_OR_RETURN(auto file, Open<SettingRow>("settings.csv", options));
  for (PlaceIndex i = 0; i < city.places().size(); ++i) {
    const Place& place = city.places()[i];
    SettingRow row;
    row.setting = city.SettingIdOf(i);
    row.category = InfoOf(place.kind).category;
    row.region_code = City::RegionCode(place.grid);
    row.latitude = place.location.latitude_microdegrees / 1e6;
    row.longitude = place.location.longitude_microdegrees / 1e6;
    row.usual_stay_minutes = InfoOf(place.kind).usual_stay_minutes;
    row.capacity = static_cast<int32_t>(place.capacity);
    file.Write(row);
  }
  return file.Finish();
}

Status WritePresence(const City& city, const Epidemic& epidemic, const WriteOptions& options) {
  EPIGRID_ASSIGN_OR_RETURN(auto file, Open<PresenceRow>("presence.tsv", options));
  std::vector<std::string> settings;
  for (PlaceIndex i = 0; i < city.places().size(); ++i) settings.push_back(city.SettingIdOf(i));
  Schedule schedule(city);
  for (int32_t day = schedule.first_day(); day <= schedule.last_day(); ++day) {
    schedule.VisitDayInOrder(day, [&](const Presence& presence) {
      if (presence.check_in >= epidemic.IsolatedFrom(presence.person)) return;
      PresenceRow row;
      row.source_id = SourceIdOf(presence);
      row.person = city.PersonIdOf(presence.person);
      row.setting = settings[presence.place];
      row.check_in_time = presence.check_in;
      row.check_out_time = presence.check_out;
      file.Write(row);
    });
  }
  return file.Finish();
}

// Which tests a file is for.
using TestFilter = std::function<bool(const TestResult& test)>;

Status WriteTests(const City& city, const Epidemic& epidemic, const WriteOptions& options,
                  std::string_view name, const TestFilter& belongs) {
  EPIGRID_ASSIGN_OR_RETURN(auto file, Open<TestRow>(name, options));
  epidemic.VisitTests([&](const TestResult& test) {
    if (!belongs(test)) return;
    TestRow row;
    row.source_id = fmt::format("{}-{}", city.options().seed, test.number);
    row.person = city.PersonIdOf(test.person);
    row.outcome = test.positive ? TestRow::Outcome::kPositive : TestRow::Outcome::kNegative;
    row.method = "NUCLEIC_ACID";
    row.sampled_time = test.sampled;
    row.reported_time = test.reported;
    row.laboratory = "citysim";
    file.Write(row);
  });
  return file.Finish();
}

}  // namespace

Status WriteFiles(const City& city, const Epidemic& epidemic, const WriteOptions& options) {
  std::error_code failure;
  std::filesystem::create_directories(options.directory, failure);
  if (failure) {
    return Unavailable("FILE_WRITE_FAILED",
                       fmt::format("directory {} cannot be made: {}", options.directory.string(),
                                   failure.message()));
  }
  EPIGRID_RETURN_IF_ERROR(WritePeople(city, options));
  EPIGRID_RETURN_IF_ERROR(WriteSettings(city, options));
  EPIGRID_RETURN_IF_ERROR(WritePresence(city, epidemic, options));
  const auto left_out = [&](const TestResult& test) {
    return options.leave_out_index_test && test.positive &&
           test.person == epidemic.index_case().person;
  };
  EPIGRID_RETURN_IF_ERROR(WriteTests(city, epidemic, options, "tests.csv", std::not_fn(left_out)));
  if (!options.leave_out_index_test) return OkStatus();
  return WriteTests(city, epidemic, options, "index_test.csv", left_out);
}

}  // namespace epigrid::citysim
