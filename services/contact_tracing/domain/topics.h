// Public topics that contact_tracing writes and those that it reads.
#pragma once

#include <string_view>

namespace epigrid::contact_tracing {

inline constexpr std::string_view kCaseTopic = "contact_tracing.case.v1";
inline constexpr std::string_view kExposureTopic = "contact_tracing.exposure.v1";

inline constexpr std::string_view kMembershipTopic = "identity.membership.v1";
inline constexpr std::string_view kTestResultTopic = "health_code.test_result.v1";
inline constexpr std::string_view kIsolationTopic = "health_code.isolation.v1";

}  // namespace epigrid::contact_tracing
