// Errors as people read them: what failed, why, and what to do about it; or as JSON for programs.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "common/base/status.h"

namespace epigrid::ctl {

// Several lines, for example
//
//   NOT_FOUND PERSON_UNKNOWN
//     message:  there is no person with this id
//     field:    person_id
//     server:   127.0.0.1:50051
//     to do:    ...
std::string FormatError(const Status& status);

// {"code": ..., "reason": ..., "message": ..., "metadata": {...}}
nlohmann::json ErrorJson(const Status& status);

// What a person can do about it that the message does not say; empty: nothing.
std::string_view Advice(const Status& status);

}  // namespace epigrid::ctl
