#include "common/config/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <yaml-cpp/yaml.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>

#include "common/config/values.h"
#include "common/config/yaml_reader.h"

namespace epigrid {
namespace {

std::string EnvironmentName(std::string_view name) {
  std::string result = "EPIGRID_";
  for (char c : name)
    result += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return result;
}

std::string FlagName(std::string_view name) {
  std::string result = "--";
  for (char c : name) result += c == '.' || c == '_' ? '-' : c;
  return result;
}

bool IsSettingName(std::string_view name) {
  const size_t dot = name.find('.');
  if (dot == 0 || dot == std::string_view::npos || dot + 1 == name.size()) return false;
  return std::ranges::all_of(name,
                             [](char c) {
                               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                                      c == '_' || c == '.';
                             }) &&
         name.find('.', dot + 1) == std::string_view::npos;
}

// Optimal string alignment would also forgive swaps; plain edits are enough for a hint.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

// Kubernetes sets variables for every Service of the namespace: EPIGRID_IDENTITY_SERVICE_HOST,
// EPIGRID_IDENTITY_PORT, EPIGRID_IDENTITY_PORT_8080_TCP_ADDR and so on. They are nobody's typing
// mistake.
bool IsServiceLink(std::string_view name, std::string_view value) {
  return name.find("_SERVICE_HOST") != std::string_view::npos ||
         name.find("_SERVICE_PORT") != std::string_view::npos || value.starts_with("tcp://") ||
         value.starts_with("udp://") || name.find("_TCP_") != std::string_view::npos ||
         name.find("_UDP_") != std::string_view::npos;
}

// What epigridctl reads: whoever has set it for calls may start a service all the same.
bool IsOfClients(std::string_view name) {
  return name == "EPIGRID_SERVER" || name == "EPIGRID_TOKEN";
}

// As CLI11 wants them: in reverse, and an empty value ("--name=") as an argument of its own.
std::vector<std::string> ForCli(const std::vector<std::string>& arguments) {
  std::vector<std::string> result;
  for (const std::string& argument : arguments) {
    const bool empty_value = argument.starts_with("--") && argument.ends_with('=');
    result.push_back(empty_value ? argument.substr(0, argument.size() - 1) : argument);
    if (empty_value) result.emplace_back();
  }
  std::ranges::reverse(result);
  return result;
}

}  // namespace

Setting& Setting::Range(int64_t min, int64_t max) {
  EPIGRID_CHECK(config_values::Number(value_).has_value(), name_ + " has no order");
  min_ = min;
  max_ = max;
  return *this;
}

Setting& Setting::Range(Duration min, Duration max) {
  EPIGRID_CHECK(std::holds_alternative<Duration>(value_), name_ + " is no duration");
  min_ = min.count();
  max_ = max.count();
  return *this;
}

Setting& Setting::OneOf(std::vector<std::string> choices) {
  EPIGRID_CHECK(std::holds_alternative<std::string>(value_), name_ + " is no string");
  choices_ = std::move(choices);
  return *this;
}

Setting& Setting::Flag(std::string flag) {
  EPIGRID_CHECK(flag.starts_with("--"), "a flag begins with two dashes");
  flag_ = std::move(flag);
  return *this;
}

Setting& Setting::Required() {
  required_ = true;
  return *this;
}

std::string Setting::Describe() const {
  std::string text(config_values::TypeName(value_));
  if (!choices_.empty()) text = fmt::format("{}", fmt::join(choices_, "|"));
  if (min_ != INT64_MIN) {
    if (std::holds_alternative<Duration>(value_)) {
      text += fmt::format(", {} to {}", config_values::ShowDuration(Duration(min_)),
                          config_values::ShowDuration(Duration(max_)));
    } else {
      text += fmt::format(", {} to {}", min_, max_);
    }
  }
  return text;
}

Setting& ConfigSpec::Add(ConfigTarget target, const std::string& name, std::string help) {
  EPIGRID_CHECK(IsSettingName(name), "a setting is named section.name in snake_case: " + name);
  Setting setting;
  setting.name_ = name;
  setting.help_ = std::move(help);
  setting.environment_ = EnvironmentName(name);
  setting.flag_ = FlagName(name);
  setting.target_ = target;
  setting.value_ = std::visit([](const auto* pointer) { return ConfigValue(*pointer); }, target);
  setting.default_ = setting.value_;
  for (const Setting& other : settings_) {
    EPIGRID_CHECK(other.environment_ != setting.environment_,
                  "two settings by the name of " + name);
  }
  const bool secret = std::holds_alternative<Secret>(setting.value_);
  Setting& added = settings_.emplace_back(std::move(setting));
  if (secret) Add(&secret_files_.emplace_back(), name + "_file", "the file that holds " + name);
  return added;
}

void ConfigSpec::AddCheck(std::vector<std::string> settings, std::function<std::string()> check) {
  for (const std::string& name : settings)
    EPIGRID_CHECK(Find(name) != nullptr, "no such setting: " + name);
  checks_.push_back({std::move(settings), std::move(check)});
}

Setting* ConfigSpec::Find(std::string_view name) {
  auto found = std::ranges::find(settings_, name, &Setting::name_);
  return found == settings_.end() ? nullptr : &*found;
}

void ConfigSpec::Error(std::string_view where, std::string_view what) {
  errors_.push_back(fmt::format("{}: {}", where, what));
}

std::string ConfigSpec::DidYouMean(std::string_view text, std::string Setting::* attribute) const {
  const Setting* best = nullptr;
  size_t best_distance = std::max<size_t>(2, text.size() / 4) + 1;
  if (text.size() > 100) return "";
  for (const Setting& setting : settings_) {
    const size_t distance = EditDistance(text, setting.*attribute);
    if (distance < best_distance) {
      best = &setting;
      best_distance = distance;
    }
  }
  return best == nullptr ? "" : fmt::format("; did you mean {}?", best->*attribute);
}

void ConfigSpec::Take(Setting& setting, const Given& given) {
  Result<ConfigValue> value = config_values::Parse(setting.value_, given.items, given.is_list);
  std::string wrong;
  if (!value.ok()) {
    wrong = value.status().message();
  } else if (std::optional<double> number = config_values::Number(*value);
             number && (*number < static_cast<double>(setting.min_) ||
                        *number > static_cast<double>(setting.max_))) {
    wrong = fmt::format("{} is out of range; expected: {}", config_values::Show(*value),
                        setting.Describe());
  } else if (!setting.choices_.empty() &&
             std::ranges::find(setting.choices_, std::get<std::string>(*value)) ==
                 setting.choices_.end()) {
    wrong = fmt::format("\"{}\" is none of {}", config_values::Show(*value),
                        fmt::join(setting.choices_, ", "));
  }
  if (!wrong.empty()) {
    setting.valid_ = false;
    Error(given.where, fmt::format("{}: {}", setting.name_, wrong));
    return;
  }
  setting.value_ = *std::move(value);
  setting.source_ = given.where;
}

void ConfigSpec::LoadFile(const ConfigSources& sources) {
  if (sources.file_name.empty()) return;
  for (const YamlEntry& entry : ReadYamlSettings(sources.file_name, sources.file_text)) {
    if (!entry.error.empty()) {
      Error(entry.where, entry.error);
    } else if (Setting* setting = Find(entry.name); setting != nullptr) {
      Take(*setting, {entry.items, entry.is_list, entry.where});
    } else {
      Error(entry.where, fmt::format("unknown setting {}{}", entry.name,
                                     DidYouMean(entry.name, &Setting::name_)));
    }
  }
}

void ConfigSpec::LoadEnvironment(const ConfigSources& sources) {
  for (const auto& [name, value] : sources.environment) {
    if (!name.starts_with("EPIGRID_")) continue;
    auto setting = std::ranges::find(settings_, name, &Setting::environment_);
    if (setting != settings_.end()) {
      Take(*setting, {{value}, false, name});
    } else if (!IsServiceLink(name, value) && !IsOfClients(name)) {
      Error(name, fmt::format("unknown variable{}", DidYouMean(name, &Setting::environment_)));
    }
  }
}

void ConfigSpec::LoadArguments(const ConfigSources& sources) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::vector<std::pair<Setting*, CLI::Option*>> options;
  for (Setting& setting : settings_) {
    CLI::Option* option =
        std::holds_alternative<bool>(setting.value_)
            ? app.add_flag(setting.flag_)
            : app.add_option(setting.flag_)->type_size(1)->allow_extra_args(false);
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    options.emplace_back(&setting, option);
  }
  try {
    app.parse(ForCli(sources.arguments));
  } catch (const CLI::ParseError& error) {
    Error("command line", error.what());
  }
  for (auto [setting, option] : options) {
    if (option->count() == 0) continue;
    const bool list = std::holds_alternative<std::vector<std::string>>(setting->value_);
    if (!list && option->count() > 1) {
      setting->valid_ = false;
      Error(setting->flag_, "is given more than once");
      continue;
    }
    Take(*setting, {option->results(), false, setting->flag_});
  }
  for (const std::string& extra : app.remaining()) {
    const std::string flag = extra.substr(0, extra.find('='));
    if (flag.starts_with("-")) {
      Error(flag, fmt::format("unknown flag{}", DidYouMean(flag, &Setting::flag_)));
    } else {
      Error("command line", fmt::format("unexpected argument \"{}\"", extra));
    }
  }
}

void ConfigSpec::LoadSecretFiles(const ConfigSources& sources) {
  for (Setting& setting : settings_) {
    if (!std::holds_alternative<Secret>(setting.value_)) continue;
    Setting* file = Find(setting.name_ + "_file");
    const auto& path = std::get<std::filesystem::path>(file->value_);
    if (path.empty()) continue;
    if (!std::get<Secret>(setting.value_).empty()) {
      Error(file->source_,
            fmt::format("{} and {} are both given; give one", setting.name_, file->name_));
      continue;
    }
    Result<std::string> text = sources.read_file
                                   ? sources.read_file(path)
                                   : NotFound("FILE_UNREADABLE", "files are not read here");
    if (!text.ok()) {
      Error(file->source_, fmt::format("{}: {}", file->name_, text.status().message()));
      continue;
    }
    while (!text->empty() && (text->back() == '\n' || text->back() == '\r')) text->pop_back();
    if (text->empty()) {
      Error(file->source_, fmt::format("{}: {} holds nothing", file->name_, path.string()));
      continue;
    }
    setting.value_ = Secret(*std::move(text));
    setting.source_ = path.string();
  }
}

std::vector<std::string> ConfigSpec::Load(const ConfigSources& sources) {
  errors_.clear();
  LoadFile(sources);
  LoadEnvironment(sources);
  LoadArguments(sources);
  LoadSecretFiles(sources);
  for (Setting& setting : settings_) {
    if (setting.required_ && setting.valid_ && config_values::Show(setting.value_).empty()) {
      setting.valid_ = false;
      Error(setting.name_, fmt::format("is required: {}; set it in the file, by {} or by {}",
                                       setting.help_, setting.environment_, setting.flag_));
    }
    std::visit(
        [&](auto* pointer) {
          *pointer = std::get<std::decay_t<decltype(*pointer)>>(setting.value_);
        },
        setting.target_);
  }
  for (const Check& check : checks_) {
    std::string where;
    bool valid = true;
    for (const std::string& name : check.settings) {
      const Setting& setting = *Find(name);
      valid = valid && setting.valid_;
      where += fmt::format("{}{} ({})", where.empty() ? "" : ", ", name, setting.source_);
    }
    if (!valid) continue;
    if (std::string wrong = check.run(); !wrong.empty()) Error(where, wrong);
  }
  return errors_;
}

std::string ConfigSpec::Print() const {
  std::map<std::string_view, std::vector<const Setting*>> sections;
  for (const Setting& setting : settings_) {
    sections[std::string_view(setting.name_).substr(0, setting.name_.find('.'))].push_back(
        &setting);
  }
  YAML::Emitter out;
  out << YAML::BeginMap;
  for (const auto& [section, settings] : sections) {
    out << YAML::Key << std::string(section) << YAML::Value << YAML::BeginMap;
    for (const Setting* setting : settings) {
      out << YAML::Key << setting->name_.substr(section.size() + 1) << YAML::Value;
      if (const auto* list = std::get_if<std::vector<std::string>>(&setting->value_)) {
        out << YAML::Flow << *list;
      } else {
        out << config_values::Show(setting->value_);
      }
      out << YAML::Comment(setting->source_);
    }
    out << YAML::EndMap;
  }
  out << YAML::EndMap << YAML::Newline;
  return out.c_str();
}

std::string ConfigSpec::Help(std::string_view program) const {
  std::string text =
      fmt::format("Usage: {} [--config FILE] [--print-config] [settings]\n\n", program);
  for (const Setting& setting : settings_) {
    text += fmt::format("  {}\n      {} ({})\n", setting.flag_, setting.help_, setting.Describe());
    text += fmt::format("      in the file: {}; environment: {}; default: \"{}\"\n", setting.name_,
                        setting.environment_, config_values::Show(setting.default_));
  }
  return text;
}

}  // namespace epigrid
