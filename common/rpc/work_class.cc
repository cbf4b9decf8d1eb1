#include "common/rpc/work_class.h"

#include <algorithm>
#include <array>

namespace epigrid {

std::string_view WorkClassName(WorkClass work) {
  constexpr std::array<std::string_view, kWorkClassCount> kNames = {"critical", "interactive",
                                                                    "bulk"};
  return kNames[static_cast<size_t>(work)];
}

WorkClass WorkClassOf(WorkClass of_method, CallerClass caller_class) {
  switch (caller_class) {
    case CallerClass::kGate:
    case CallerClass::kAgency: return of_method;
    case CallerClass::kResident: return std::max(of_method, WorkClass::kInteractive);
    case CallerClass::kBulk: return WorkClass::kBulk;
    case CallerClass::kOperator: return WorkClass::kCritical;
  }
  return of_method;
}

}  // namespace epigrid
