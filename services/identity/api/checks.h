// What requests must look like before anything is done with them. Each answers INVALID_ARGUMENT
// with a stable reason and the field's path as metadata "field"; see also common/rpc/fields.h and
// domain/documents.h.
//
//   NAME_MISSING, TEXT_TOO_LONG, TEXT_MALFORMED       a name or an address
//   LANGUAGE_UNKNOWN                                  neither "zh" nor "en"
//   CONTACT_POINTS_TOO_MANY, CONTACT_ENDPOINT_MALFORMED, CONTACT_ADDRESS_MISSING
//   REGION_CODE_MALFORMED                             not 2 to 20 digits
//   MEMBERSHIP_INTERVAL_INVALID                       until_time without or not after from_time
//   UPDATE_EMPTY, GUARDIAN_CONTRADICTORY, GUARDIAN_IS_SELF
#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <chrono>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/status.h"
#include "epigrid/identity/state/v1/state.pb.h"
#include "epigrid/identity/v1/identity.pb.h"
#include "services/identity/domain/identity_hashes.h"

namespace epigrid::identity {

inline constexpr size_t kBatchMax = 1000;
inline constexpr int kContactPointsMax = 5;
inline constexpr size_t kNameCharactersMax = 128;
inline constexpr size_t kAddressCharactersMax = 256;

// What is sealed of a registration: the document in its canonical form, defaults filled in.
// `prefix` is put before the names of fields: "registration.".
Result<state::v1::RegistrationContent> CheckRegistration(const v1::Registration& registration,
                                                         const IdentityHashes& hashes,
                                                         std::chrono::sys_days today,
                                                         std::string_view prefix);

// What is sealed of an update.
Result<state::v1::UpdateContent> CheckUpdate(const v1::UpdatePersonRequest& request);

Status CheckMembership(const v1::Membership& membership, Time now, std::string_view prefix);

}  // namespace epigrid::identity
