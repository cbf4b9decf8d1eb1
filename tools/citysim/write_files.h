// Writes a city and its epidemic as import files (tools/import_format/README.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/status.h"
#include "tools/citysim/epidemic.h"

namespace epigrid::citysim {

struct WriteOptions {
  std::filesystem::path directory;        // made if there is none
  std::string contact_endpoint = "demo";  // of the contact points of all who have a phone
  bool leave_out_index_test = false;      // into index_test.csv instead, for who reports it live
  // Called now and then with the file's name and the rows written so far, and at the end of each
  // file.
  std::function<void(std::string_view file, uint64_t rows)> on_progress;
};

// Writes people.csv, settings.csv, presence.tsv, tests.csv and, if asked to, index_test.csv.
// Whoever is isolated checks in no more. Presence is in order of time. A file that is there is
// whole: it is written under another name first. Errors: UNAVAILABLE FILE_WRITE_FAILED.
Status WriteFiles(const City& city, const Epidemic& epidemic, const WriteOptions& options);

}  // namespace epigrid::citysim
