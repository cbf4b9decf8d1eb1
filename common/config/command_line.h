// Loads a ConfigSpec as every binary does: --config FILE (or EPIGRID_CONFIG), the environment and
// the flags.
//
//   if (std::optional<int> exit_code = LoadFromCommandLine(spec, argc, argv)) return *exit_code;
#pragma once

#include <optional>

#include "common/config/config.h"

namespace epigrid {

// Answers --help and --print-config on stdout (exit code 0) and prints all errors to stderr (exit
// code 2); no value: the targets are set, go on.
std::optional<int> LoadFromCommandLine(ConfigSpec& spec, int argc, const char* const* argv);

// A file's text; NOT_FOUND with reason FILE_UNREADABLE.
Result<std::string> ReadFile(const std::filesystem::path& path);

}  // namespace epigrid
