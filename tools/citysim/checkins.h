// Check-ins from the real world: one line each, parted by tabs, without a header:
//
//   0<TAB>2010-10-12T00:21:28Z<TAB>40.6438845363<TAB>-73.7828063964<TAB>23261
//
// that is user, time (RFC 3339), latitude, longitude (degrees) and place. There is no check-out.
// Users and places become ids by DeriveId. Their times lie years ago: ShiftIntoWindow
// brings them to where a city is today.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "tools/import_format/table_reader.h"

namespace epigrid {

struct CheckIn {
  uint64_t line = 0;  // in the file, from 1: of no two rows the same
  std::string user;   // at most 40 bytes
  Time time;
  double latitude = 0;
  double longitude = 0;
  std::string place;  // at most 40 bytes
  friend bool operator==(const CheckIn&, const CheckIn&) = default;
};

// The ids by which Epigrid knows a user and a place.
std::string PersonIdOfUser(std::string_view user);
std::string SettingIdOfPlace(std::string_view place);

// Reads check-ins one by one, in constant memory. Threads: one at a time.
class CheckInReader {
 public:
  explicit CheckInReader(std::unique_ptr<ByteSource> source)
      : table_(std::move(source), Dialect::kTsv) {}

  // False at the end. `problem` says whether the row is good: OK, or INVALID_ARGUMENT with reason
  // IMPORT_FIELD_COUNT, IMPORT_VALUE_MISSING, IMPORT_VALUE_INVALID or IMPORT_RECORD_TOO_LONG; only
  // `line` is set then. An error of the call is the source's, for example DATA_LOSS FILE_TRUNCATED:
  // reading cannot go on.
  Result<bool> Next(CheckIn& check_in, Status& problem);

 private:
  TableReader table_;
  Record record_;
};

// All good rows of a file, in its order; bad ones go to on_problem(line, why). Errors: those of
// OpenFile and ByteSource.
Result<std::vector<CheckIn>> ReadCheckIns(
    const std::filesystem::path& path,
    const std::function<void(uint64_t line, const Status& problem)>& on_problem);

// Moves a time by a multiple of 14 days into [anchor - 14 days, anchor): the hour and the day of
// the week stay. Rows of many weeks so become two weeks of a busier city.
Time ShiftIntoWindow(Time time, Time anchor);

}  // namespace epigrid
