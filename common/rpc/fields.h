// Checks of request fields that every service has: one set of rules, reasons and messages.
//
//   EPIGRID_RETURN_IF_ERROR(CheckSource(observation.source(), "observation.source"));
//
// Each is OK or INVALID_ARGUMENT with a stable reason, a message that says what to mend, and the
// field's path as metadata "field". No message holds the value.
#pragma once

#include <google/protobuf/timestamp.pb.h>

#include <cstddef>
#include <string_view>

#include "common/base/clock.h"
#include "common/base/status.h"

namespace epigrid {

// A clock of another system may be ahead of ours by so much before its times count as lying in the
// future.
inline constexpr Duration kFutureSlack = std::chrono::minutes(5);

// An INVALID_ARGUMENT that names its field.
Status InvalidField(std::string reason, std::string message, std::string_view field);

// 1 to 64 characters of a-z, 0-9, '-', '_', '.'; SOURCE_MALFORMED.
Status CheckSource(std::string_view source, std::string_view field);
// 1 to 128 printable ASCII characters without '/'; SOURCE_ID_MALFORMED.
Status CheckSourceId(std::string_view source_id, std::string_view field);
// Empty, or 1 to 64 printable ASCII characters; REQUEST_ID_MALFORMED.
Status CheckRequestId(std::string_view request_id);
// A setting's id or a household's: both are places where people meet. ID_MALFORMED.
Status CheckPlaceId(std::string_view place_id, std::string_view field);
// At most `characters_max` characters (code points), in UTF-8, without control characters;
// TEXT_TOO_LONG, TEXT_MALFORMED.
Status CheckText(std::string_view text, size_t characters_max, std::string_view field);
// Empty, or 2 to 20 digits: a GB/T 2260 code with what is known of street, community and grid
// behind it. REGION_CODE_MALFORMED.
Status CheckRegionCode(std::string_view region_code, std::string_view field);
// When something ends, which may lie in the future: valid, and before 2200, from where on it would
// say "never", for which a field is left unset. TIMESTAMP_OUT_OF_RANGE, TIME_TOO_LATE.
Status CheckEndTime(const google::protobuf::Timestamp& timestamp, std::string_view field);
// Set, valid, not later than `now` by more than kFutureSlack: TIME_MISSING, TIMESTAMP_OUT_OF_RANGE,
// TIME_IN_FUTURE.
Status CheckPastTime(bool is_set, const google::protobuf::Timestamp& timestamp, Time now,
                     std::string_view field);
// The same, and not earlier than `now` by more than `age_max`: TIME_TOO_OLD. A field that was
// filled in as null is the epoch, which is old.
Status CheckRecentTime(bool is_set, const google::protobuf::Timestamp& timestamp, Time now,
                       Duration age_max, std::string_view field);
// 1 to `size_max` items: BATCH_EMPTY, BATCH_TOO_LARGE.
Status CheckBatchSize(size_t size, size_t size_max, std::string_view field);
// 0 (the default, 100) to 1,000: the size to use; PAGE_SIZE_OUT_OF_RANGE.
Result<size_t> CheckPageSize(int32_t page_size);

}  // namespace epigrid
