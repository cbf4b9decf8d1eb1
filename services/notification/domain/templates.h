// Templates: what a message says, in the reader's language: what changed, why, what to do, and that
// no reply is needed. A guardian who reads for a dependant is told that it is about a dependant.
//
//   MessageText(message, "en", About::kAddressee)
//     "Your health code is now yellow. Why: you were at a place at the same time as an infected person. What to do:
//      watch your health and take tests as you are told. Your code shows the details and what clears it. You need not
//      reply to this message."
//
// Pure and complete: every template, colour, measure and rule has a text, also rules that this
// version does not know. No name, place or date of anybody stands in it.
#pragma once

#include <string>
#include <string_view>

#include "epigrid/notification/v1/notification.pb.h"

namespace epigrid::notification {

inline constexpr std::string_view kCodeChangedTemplate = "code_changed";
inline constexpr std::string_view kNewlyExposedTemplate = "newly_exposed";  // after other messages
inline constexpr std::string_view kFirstExposedTemplate = "first_exposed";  // the first message

// Whose code a message tells: of who reads it, or of somebody for whom the reader answers.
enum class About { kAddressee, kDependant };

// `language`: "en"; everything else is "zh".
std::string MessageText(const v1::Message& message, std::string_view language, About about);

}  // namespace epigrid::notification
