// The YAML of a configuration file, flattened to section.name. For common/config only.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace epigrid {

struct YamlEntry {
  std::string name;  // section.name
  std::vector<std::string> items;
  bool is_list = false;
  std::string where;  // "epigrid.yaml:3"
  std::string error;  // if set, what is wrong there; the rest is then not meant
};

// Never fails as a whole: what cannot be read becomes entries with an error.
std::vector<YamlEntry> ReadYamlSettings(std::string_view file_name, const std::string& text);

// The file is refused when it is larger, in bytes.
inline constexpr size_t kConfigFileBytesMax = 1 << 20;

}  // namespace epigrid
