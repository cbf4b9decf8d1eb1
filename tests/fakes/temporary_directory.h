// TemporaryDirectory: a new, empty directory of a test's own, which goes with it.
//
//   const TemporaryDirectory directory;
//   std::ofstream(directory / "callers.yaml") << ...;
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "common/base/status.h"

namespace epigrid {

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "epigrid-XXXXXX").string();
    EPIGRID_CHECK(::mkdtemp(pattern.data()) != nullptr, "no temporary directory can be made");
    path_ = pattern;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;  // somebody else's process may still write there
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace epigrid
