#include "common/config/yaml_reader.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <set>

namespace epigrid {
namespace {

class Reader {
 public:
  explicit Reader(std::string_view file_name) : file_name_(file_name) {}

  std::vector<YamlEntry> Read(const std::string& text) {
    if (text.size() > kConfigFileBytesMax) {
      Wrong(file_name_, fmt::format("is larger than {} bytes", kConfigFileBytesMax));
      return std::move(entries_);
    }
    try {
      const YAML::Node root = YAML::Load(text);
      if (root.IsMap()) {
        ReadRoot(root);
      } else if (root.IsDefined() && !root.IsNull()) {
        Wrong(Where(root),
              "a configuration is a map of sections: write \"server:\" and its settings below it");
      }
    } catch (const YAML::Exception& error) {
      Wrong(fmt::format("{}:{}", file_name_, error.mark.line + 1), error.msg);
    }
    return std::move(entries_);
  }

 private:
  std::string Where(const YAML::Node& node) const {
    return fmt::format("{}:{}", file_name_, node.Mark().line + 1);
  }

  void Wrong(std::string where, std::string error) {
    YamlEntry entry;
    entry.where = std::move(where);
    entry.error = std::move(error);
    entries_.push_back(std::move(entry));
  }

  void ReadRoot(const YAML::Node& root) {
    std::set<std::string> seen;
    for (const auto& section : root) {
      if (!section.first.IsScalar()) {
        Wrong(Where(section.first), "a section's name is a plain word");
      } else if (!seen.insert(section.first.Scalar()).second) {
        Wrong(Where(section.first),
              fmt::format("section {} stands here a second time", section.first.Scalar()));
      } else if (!section.second.IsMap()) {
        Wrong(Where(section.first),
              fmt::format("{} must be a section with settings below it", section.first.Scalar()));
      } else {
        ReadSection(section.first.Scalar(), section.second);
      }
    }
  }

  void ReadSection(const std::string& section, const YAML::Node& node) {
    std::set<std::string> seen;
    for (const auto& setting : node) {
      if (!setting.first.IsScalar()) {
        Wrong(Where(setting.first), "a setting's name is a plain word");
        continue;
      }
      YamlEntry entry;
      entry.name = section + "." + setting.first.Scalar();
      entry.where = Where(setting.first);
      if (!seen.insert(entry.name).second) {
        entry.error = fmt::format("{} stands here a second time", entry.name);
      } else {
        ReadValue(setting.second, entry);
      }
      entries_.push_back(std::move(entry));
    }
  }

  static void ReadValue(const YAML::Node& value, YamlEntry& entry) {
    if (value.IsScalar()) {
      entry.items.push_back(value.Scalar());
    } else if (value.IsSequence()) {
      entry.is_list = true;
      for (const YAML::Node& item : value) {
        if (!item.IsScalar()) {
          entry.error = fmt::format("{}: the items of a list are plain texts", entry.name);
          return;
        }
        entry.items.push_back(item.Scalar());
      }
    } else if (value.IsMap()) {
      entry.error = fmt::format("{} takes a value, not a map", entry.name);
    } else {
      entry.error = fmt::format("{} has no value", entry.name);
    }
  }

  std::string file_name_;
  std::vector<YamlEntry> entries_;
};

}  // namespace

std::vector<YamlEntry> ReadYamlSettings(std::string_view file_name, const std::string& text) {
  return Reader(file_name).Read(text);
}

}  // namespace epigrid
