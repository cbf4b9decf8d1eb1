// Writes real check-ins as the import files of a city: so that the same import and the same story
// run on them.
#pragma once

#include <filesystem>
#include <string>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "tools/citysim/write_files.h"

namespace epigrid::citysim {

// What was written.
struct CheckInCity {
  uint64_t check_ins = 0;
  uint64_t people = 0;
  uint64_t places = 0;
  uint64_t refused = 0;  // rows that could not be read, told on stderr with their line
  std::string index_person;
};

// people.csv (each user a fictitious passport of Utopia, by which the same user is always the same
// person), settings.csv, presence.tsv (every row, its line being its source id, moved by a multiple
// of 14 days into the 14 days before `anchor`), tests.csv (none) and index_test.csv: a positive
// test, sampled 6 hours before `anchor`, of the user who shared places with most others in the two
// days before. Errors: those of ReadCheckIns and WriteFiles.
Result<CheckInCity> WriteCheckIns(const std::filesystem::path& path, Time anchor,
                                  const WriteOptions& options);

}  // namespace epigrid::citysim
