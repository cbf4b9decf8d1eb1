// Dates as people and other systems read them.
#pragma once

#include <chrono>
#include <string>

namespace epigrid {

// "2022-07-01".
std::string FormatDate(std::chrono::sys_days day);

}  // namespace epigrid
