#include "tools/citysim/checkins.h"

#include <fmt/format.h>

#include <chrono>

#include "common/base/ids.h"
#include "tools/import_format/values.h"

namespace epigrid {
namespace {

constexpr size_t kNameBytesMax = 40;
constexpr std::string_view kFields[] = {"user", "time", "latitude", "longitude", "place"};

// a modulo b, from 0 to b - 1.
int64_t FloorModulo(int64_t a, int64_t b) { return (a % b + b) % b; }

Status Parse(const std::vector<std::string>& fields, CheckIn& to) {
  using namespace import_values;  // NOLINT(google-build-using-namespace)
  if (fields.size() != std::size(kFields)) {
    return InvalidArgument(
        "IMPORT_FIELD_COUNT",
        fmt::format("the row has {} fields instead of user, time, latitude, longitude and place",
                    fields.size()));
  }
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].empty()) return Missing(kFields[i]);
  }
  std::optional<double> latitude;
  std::optional<double> longitude;
  EPIGRID_RETURN_IF_ERROR(ParseText(kFields[0], fields[0], kNameBytesMax, to.user));
  EPIGRID_RETURN_IF_ERROR(ParseTime(kFields[1], fields[1], to.time));
  EPIGRID_RETURN_IF_ERROR(ParseDecimal(kFields[2], fields[2], -90, 90, latitude));
  EPIGRID_RETURN_IF_ERROR(ParseDecimal(kFields[3], fields[3], -180, 180, longitude));
  EPIGRID_RETURN_IF_ERROR(ParseText(kFields[4], fields[4], kNameBytesMax, to.place));
  to.latitude = *latitude;
  to.longitude = *longitude;
  return OkStatus();
}

}  // namespace

std::string PersonIdOfUser(std::string_view user) {
  return DeriveId(kPersonId, {"check-ins", user});
}

std::string SettingIdOfPlace(std::string_view place) {
  return DeriveId(kSettingId, {"check-ins", place});
}

Result<bool> CheckInReader::Next(CheckIn& check_in, Status& problem) {
  EPIGRID_ASSIGN_OR_RETURN(const bool found, table_.Next(record_));
  if (!found) return false;
  CheckIn parsed;
  problem = record_.problem.ok() ? Parse(record_.fields, parsed) : record_.problem;
  check_in = problem.ok() ? std::move(parsed) : CheckIn();
  check_in.line = record_.begin.line;
  return true;
}

Result<std::vector<CheckIn>> ReadCheckIns(
    const std::filesystem::path& path,
    const std::function<void(uint64_t line, const Status& problem)>& on_problem) {
  EPIGRID_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> source, OpenFile(path));
  CheckInReader reader(std::move(source));
  std::vector<CheckIn> check_ins;
  CheckIn check_in;
  Status problem;
  while (true) {
    EPIGRID_ASSIGN_OR_RETURN(const bool more, reader.Next(check_in, problem));
    if (!more) return check_ins;
    if (problem.ok()) {
      check_ins.push_back(std::move(check_in));
    } else {
      on_problem(check_in.line, problem);
    }
  }
}

Time ShiftIntoWindow(Time time, Time anchor) {
  constexpr int64_t kPeriod = Duration(std::chrono::days(14)).count();
  const int64_t before_anchor = FloorModulo(anchor.micros - 1 - time.micros, kPeriod);
  return Time{anchor.micros - 1 - before_anchor};
}

}  // namespace epigrid
