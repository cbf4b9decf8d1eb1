// The texts of configuration values: how each type is read, checked and shown. For common/config
// only.
#pragma once

#include <string>
#include <vector>

#include "common/config/config.h"

namespace epigrid::config_values {

// Reads `items` as the type that `like` holds. An error's message says what would be right.
Result<ConfigValue> Parse(const ConfigValue& like, const std::vector<std::string>& items,
                          bool is_list);

// The text that Parse reads back; "<redacted>" for a secret that is not empty. A list's items are
// joined by commas.
std::string Show(const ConfigValue& value);

// Of a number or, in microseconds, of a duration; nullopt for every other type.
std::optional<double> Number(const ConfigValue& value);

// "string", "duration", ...
std::string_view TypeName(const ConfigValue& value);

std::string ShowDuration(Duration duration);

}  // namespace epigrid::config_values
