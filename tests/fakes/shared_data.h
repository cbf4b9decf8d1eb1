// Where tests find public data that is not part of the repository: below $SHARED_DATA_DIR (servers
// refuse unknown variables that begin with EPIGRID_), or
// below ../shared/data beside the source tree. Absent data skips a test, loudly:
//
//   const std::filesystem::path path = SharedData("gowalla-nyc/checkins.tsv.gz");
//   if (path.empty()) GTEST_SKIP() << kSharedDataAbsent;
#pragma once

#include <cstdlib>
#include <filesystem>

namespace epigrid {

inline constexpr const char* kSharedDataAbsent =
    "public test data is absent: set SHARED_DATA_DIR to the directory that holds it";

// Empty if there is no such file.
inline std::filesystem::path SharedData(const std::filesystem::path& name) {
  const char* configured = std::getenv("SHARED_DATA_DIR");
  const std::filesystem::path directory =
      configured != nullptr
          ? std::filesystem::path(configured)
          : std::filesystem::path(EPIGRID_SOURCE_DIR).parent_path() / "shared/data";
  return std::filesystem::exists(directory / name) ? directory / name : std::filesystem::path();
}

}  // namespace epigrid
