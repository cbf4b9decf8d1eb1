// Messages as people read them: one "field: value" a line, aligned, nested by indentation.
//
//   person_id:  person_0c9k4m2x7...
//   colour:     RED
//   reasons:
//     - rule:        CASE
//       evidence:    case_11...
//       since_time:  2022-11-11T00:00:00+08:00
//
// * Times are in the given zone, durations as "2h30m", enums without their type's prefix.
// * google.rpc.Status is one line: OK, or code, reason and message.
// * Numbers, bools and empty lists are shown also at their default, which says something; other
//   fields only if set.
#pragma once

#include <absl/time/time.h>
#include <google/protobuf/message.h>

#include <string>

namespace epigrid::ctl {

class Schema;

// `schema` unpacks Any fields; null: they are shown by their type alone.
std::string FormatMessage(const google::protobuf::Message& message, const absl::TimeZone& zone,
                          Schema* schema = nullptr);

// "COLOUR_RED" of "Colour" is "RED".
std::string ShortEnumName(const google::protobuf::EnumValueDescriptor& value);

}  // namespace epigrid::ctl
