// Takes personal data and credentials out of free text before it is logged.
//
//   Redact("call 13812345678 about 11010519491231002X")   ->   "call [phone] about [resident-id]"
//
// What is replaced: 18-digit resident ids and their 15-digit predecessors, phone numbers (mainland
// mobiles, and with a leading + any of 8 to 15 digits), also with single blanks or dashes between
// the digits; what follows "Bearer" or stands behind token=, password=, secret= and the like; JSON
// web tokens; mixed-case or hexadecimal runs of 24 characters and more that look random. Opaque ids
// (common/base/ids.h) stay. It errs on the side of replacing, so use it for texts of others (an
// error message of a library); what is known to be harmless is logged as a typed field.
#pragma once

#include <string>
#include <string_view>

namespace epigrid {

std::string Redact(std::string_view text);

}  // namespace epigrid
