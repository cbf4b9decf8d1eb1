// Configuration: what a service can be told, declared once, and read from a YAML file, the
// environment and flags.
//
//   struct ServerConfig {
//     std::string listen = "127.0.0.1:8080";
//     Duration drain_deadline = std::chrono::seconds(20);
//     Secret password;
//   };
//   ConfigSpec spec;
//   spec.Add(&config.listen, "server.listen", "host:port to serve gRPC on");
//   spec.Add(&config.drain_deadline, "server.drain_deadline", "how long calls may finish in").Range(0s, 10min);
//   spec.Add(&config.password, "redis.password", "password of the view's Redis");
//   std::vector<std::string> errors = spec.Load(sources);      // or LoadFromCommandLine, command_line.h
//
// A setting is named section.name, both in snake_case. It is given, in rising precedence, by
//   the YAML file           server: {listen: "0.0.0.0:8080"}
//   an environment variable EPIGRID_SERVER_LISTEN=0.0.0.0:8080
//   a flag                  --server-listen=0.0.0.0:8080        (or the one that Setting::Flag names)
// A Secret has a twin named <name>_file, the file that holds it; it is never printed.
//
// Everything that was given is checked, also what a higher source overrides, and all errors come at
// once, each naming where it stands and what would be right. Unknown keys, variables and flags are
// errors.
//
// Life cycle: the targets must outlive the spec. Not thread-safe while loading; Print() is const
// and may be called from any thread afterwards.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/clock.h"
#include "common/base/status.h"

namespace epigrid {

// A value that must not be shown. There is one way to see it, and it is easy to search for.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  const std::string& Reveal() const { return value_; }
  bool empty() const { return value_.empty(); }
  friend bool operator==(const Secret&, const Secret&) = default;

 private:
  std::string value_;
};

// What a configuration is read from. Nothing else is looked at.
struct ConfigSources {
  std::string file_name;  // how errors name the file; empty: there is none
  std::string file_text;  // YAML
  std::map<std::string, std::string>
      environment;                     // variables that do not begin with EPIGRID_ are ignored
  std::vector<std::string> arguments;  // without the program's name
  // Reads the file of a secret.
  std::function<Result<std::string>(const std::filesystem::path&)> read_file;
};

using ConfigValue =
    std::variant<std::string, bool, uint16_t, int32_t, uint32_t, int64_t, uint64_t, double,
                 Duration, std::filesystem::path, std::vector<std::string>, Secret>;
using ConfigTarget =
    std::variant<std::string*, bool*, uint16_t*, int32_t*, uint32_t*, int64_t*, uint64_t*, double*,
                 Duration*, std::filesystem::path*, std::vector<std::string>*, Secret*>;

// One declared setting. Its default is what the target holds when it is added.
class Setting {
 public:
  // Inclusive; of numbers and of durations.
  Setting& Range(int64_t min, int64_t max);
  Setting& Range(Duration min, Duration max);
  // The only texts allowed, for a string.
  Setting& OneOf(std::vector<std::string> choices);
  // Replaces the flag's name "--<section>-<name>".
  Setting& Flag(std::string flag);
  // It must be given and not be empty.
  Setting& Required();

 private:
  friend class ConfigSpec;

  std::string Describe() const;  // "duration, 1ms to 10m", for help

  std::string name_;  // section.name
  std::string help_;
  std::string environment_;
  std::string flag_;
  ConfigTarget target_;
  ConfigValue default_;
  ConfigValue value_;
  std::string source_ = "default";
  bool required_ = false;
  bool valid_ = true;  // nothing that was given for it is wrong
  std::vector<std::string> choices_;
  int64_t min_ = INT64_MIN;  // a duration's in microseconds
  int64_t max_ = INT64_MAX;
};

class ConfigSpec {
 public:
  ConfigSpec() = default;
  ConfigSpec(const ConfigSpec&) = delete;
  ConfigSpec& operator=(const ConfigSpec&) = delete;

  // Types: std::string, bool, integers, double, Duration ("250ms", "5s", "2m", "1h", "7d"), path,
  // list of strings (in the file a sequence, elsewhere separated by commas), Secret. Aborts when
  // the name is taken.
  Setting& Add(ConfigTarget target, const std::string& name, std::string help);

  // A rule between settings: says what would be right, or nothing if all is well. It runs when the
  // named settings are well by themselves, with all targets set.
  void AddCheck(std::vector<std::string> settings, std::function<std::string()> check);

  // Reads, checks and sets the targets. Answers the errors, one line each; with any, the targets
  // must not be used.
  std::vector<std::string> Load(const ConfigSources& sources);

  // The effective values as YAML that could be loaded again, each with its source as a comment;
  // secrets are redacted.
  std::string Print() const;

  // What --help says.
  std::string Help(std::string_view program) const;

 private:
  struct Check {
    std::vector<std::string> settings;
    std::function<std::string()> run;
  };
  // A value as it was given.
  struct Given {
    std::vector<std::string> items;
    bool is_list = false;
    std::string where;  // "epigrid.yaml:3", "EPIGRID_SERVER_LISTEN", "--server-listen"
  };

  void LoadFile(const ConfigSources& sources);
  void LoadEnvironment(const ConfigSources& sources);
  void LoadArguments(const ConfigSources& sources);
  void LoadSecretFiles(const ConfigSources& sources);
  void Take(Setting& setting, const Given& given);
  void Error(std::string_view where, std::string_view what);
  Setting* Find(std::string_view name);
  // "; did you mean redis.address?", or nothing.
  std::string DidYouMean(std::string_view text, std::string Setting::* attribute) const;

  std::deque<Setting> settings_;                    // addresses stay
  std::deque<std::filesystem::path> secret_files_;  // targets of the <name>_file twins
  std::vector<Check> checks_;
  std::vector<std::string> errors_;
};

}  // namespace epigrid
