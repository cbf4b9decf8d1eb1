#include "common/config/command_line.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace epigrid {
namespace {

constexpr std::string_view kConfigVariable = "EPIGRID_CONFIG";
constexpr int kUsageError = 2;

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// Takes "--name value" and "--name=value" out of the arguments.
std::optional<std::string> TakeFlag(std::vector<std::string>& arguments, const std::string& name) {
  std::optional<std::string> value;
  for (auto it = arguments.begin(); it != arguments.end();) {
    if (*it == name && it + 1 != arguments.end()) {
      value = *(it + 1);
      it = arguments.erase(it, it + 2);
    } else if (it->starts_with(name + "=")) {
      value = it->substr(name.size() + 1);
      it = arguments.erase(it);
    } else {
      ++it;
    }
  }
  return value;
}

bool TakeSwitch(std::vector<std::string>& arguments, std::string_view name) {
  return std::erase(arguments, name) > 0;
}

std::map<std::string, std::string> ProcessEnvironment() {
  std::map<std::string, std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (const size_t equals = text.find('='); equals != std::string_view::npos) {
      result.emplace(text.substr(0, equals), text.substr(equals + 1));
    }
  }
  return result;
}

}  // namespace

Result<std::string> ReadFile(const std::filesystem::path& path) {
  const auto unreadable = [&path] {
    return NotFound("FILE_UNREADABLE",
                    "cannot read " + path.string() + ": " + std::strerror(errno));
  };
  // Not by a stream of C++, which takes a failure in the middle, or a directory, for the end.
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) return unreadable();
  std::string text;
  std::array<char, 65'536> part;
  while (const size_t size = std::fread(part.data(), 1, part.size(), file.get())) {
    text.append(part.data(), size);
  }
  if (std::ferror(file.get()) != 0) return unreadable();
  return text;
}

std::optional<int> LoadFromCommandLine(ConfigSpec& spec, int argc, const char* const* argv) {
  ConfigSources sources;
  sources.arguments.assign(argv + 1, argv + argc);
  sources.environment = ProcessEnvironment();
  sources.read_file = ReadFile;
  if (TakeSwitch(sources.arguments, "--help") || TakeSwitch(sources.arguments, "-h")) {
    std::fputs(spec.Help(argv[0]).c_str(), stdout);
    return 0;
  }
  const bool print = TakeSwitch(sources.arguments, "--print-config");
  std::optional<std::string> file = TakeFlag(sources.arguments, "--config");
  if (auto variable = sources.environment.extract(std::string(kConfigVariable));
      !variable.empty() && !file) {
    file = variable.mapped();
  }
  std::vector<std::string> errors;
  if (file) {
    sources.file_name = *file;
    Result<std::string> text = ReadFile(*file);
    if (text.ok()) {
      sources.file_text = *std::move(text);
    } else {
      errors.push_back("--config: " + text.status().message());
    }
  }
  for (std::string& error : spec.Load(sources)) errors.push_back(std::move(error));
  if (!errors.empty()) {
    for (const std::string& error : errors) std::fprintf(stderr, "%s\n", error.c_str());
    return kUsageError;
  }
  if (print) {
    std::fputs(spec.Print().c_str(), stdout);
    return 0;
  }
  return std::nullopt;
}

}  // namespace epigrid
