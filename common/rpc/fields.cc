#include "common/rpc/fields.h"

#include <fmt/format.h>
#include <unicode/utf8.h>

#include <algorithm>

#include "common/base/ids.h"
#include "common/base/proto_time.h"

namespace epigrid {
namespace {

bool IsPrintableAscii(char c) { return c > 0x20 && c < 0x7f; }

bool AllOf(std::string_view text, bool (*allowed)(char)) {
  return std::all_of(text.begin(), text.end(), allowed);
}

}  // namespace

Status InvalidField(std::string reason, std::string message, std::string_view field) {
  return InvalidArgument(std::move(reason), fmt::format("{}: {}", field, message))
      .With("field", std::string(field));
}

Status CheckSource(std::string_view source, std::string_view field) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  if (!source.empty() && source.size() <= 64 && AllOf(source, allowed)) return OkStatus();
  return InvalidField("SOURCE_MALFORMED", "must be 1 to 64 characters of a-z, 0-9, '-', '_', '.'",
                      field);
}

Status CheckSourceId(std::string_view source_id, std::string_view field) {
  const auto allowed = [](char c) { return IsPrintableAscii(c) && c != '/'; };
  if (!source_id.empty() && source_id.size() <= 128 && AllOf(source_id, allowed)) {
    return OkStatus();
  }
  return InvalidField("SOURCE_ID_MALFORMED",
                      "must be 1 to 128 printable ASCII characters without '/' and space", field);
}

Status CheckRequestId(std::string_view request_id) {
  if (request_id.size() <= 64 && AllOf(request_id, IsPrintableAscii)) return OkStatus();
  return InvalidField("REQUEST_ID_MALFORMED",
                      "must be empty or 1 to 64 printable ASCII characters without space",
                      "request_id");
}

Status CheckPlaceId(std::string_view place_id, std::string_view field) {
  const bool is_household = place_id.starts_with(kHouseholdId.prefix());
  return CheckId(is_household ? kHouseholdId : kSettingId, place_id, field);
}

Status CheckText(std::string_view text, size_t characters_max, std::string_view field) {
  size_t characters = 0;
  for (int32_t i = 0; i < static_cast<int32_t>(text.size()) && characters <= characters_max;) {
    UChar32 code_point;
    U8_NEXT(text.data(), i, static_cast<int32_t>(text.size()), code_point);
    if (code_point < 0x20 || (code_point >= 0x7f && code_point <= 0x9f)) {  // negative: not UTF-8
      return InvalidField("TEXT_MALFORMED", "must be UTF-8 without control characters", field);
    }
    ++characters;
  }
  if (characters <= characters_max) return OkStatus();
  return InvalidField("TEXT_TOO_LONG",
                      fmt::format("must have at most {} characters", characters_max), field);
}

Status CheckRegionCode(std::string_view region_code, std::string_view field) {
  if (region_code.empty()) return OkStatus();
  const bool digits = AllOf(region_code, [](char c) { return c >= '0' && c <= '9'; });
  if (digits && region_code.size() >= 2 && region_code.size() <= 20) return OkStatus();
  return InvalidField("REGION_CODE_MALFORMED", "must be 2 to 20 digits", field);
}

Status CheckEndTime(const google::protobuf::Timestamp& timestamp, std::string_view field) {
  constexpr int64_t kYear2200Seconds = 7'258'118'400;
  EPIGRID_RETURN_IF_ERROR(CheckTimestamp(timestamp, field));
  if (timestamp.seconds() < kYear2200Seconds) return OkStatus();
  return InvalidField("TIME_TOO_LATE",
                      "must lie before the year 2200; leave it unset for what has no end", field);
}

Status CheckPastTime(bool is_set, const google::protobuf::Timestamp& timestamp, Time now,
                     std::string_view field) {
  if (!is_set) return InvalidField("TIME_MISSING", "must be set", field);
  EPIGRID_RETURN_IF_ERROR(CheckTimestamp(timestamp, field));
  if (FromProto(timestamp) > now + kFutureSlack) {
    return InvalidField(
        "TIME_IN_FUTURE",
        "lies in the future by more than 5 minutes: check the sending clock and zone", field);
  }
  return OkStatus();
}

Status CheckRecentTime(bool is_set, const google::protobuf::Timestamp& timestamp, Time now,
                       Duration age_max, std::string_view field) {
  EPIGRID_RETURN_IF_ERROR(CheckPastTime(is_set, timestamp, now, field));
  if (FromProto(timestamp) >= now - age_max) return OkStatus();
  const auto days = std::chrono::duration_cast<std::chrono::hours>(age_max).count() / 24;
  return InvalidField("TIME_TOO_OLD", "lies more than " + std::to_string(days) + " days back",
                      field);
}

Status CheckBatchSize(size_t size, size_t size_max, std::string_view field) {
  if (size == 0) return InvalidField("BATCH_EMPTY", "must have at least one item", field);
  if (size <= size_max) return OkStatus();
  return InvalidField(
      "BATCH_TOO_LARGE",
      fmt::format("has {} items, {} is the most: send them in several calls", size, size_max),
      field);
}

Result<size_t> CheckPageSize(int32_t page_size) {
  if (page_size == 0) return size_t{100};
  if (page_size > 0 && page_size <= 1000) return static_cast<size_t>(page_size);
  return InvalidField("PAGE_SIZE_OUT_OF_RANGE", "must be 0 (then 100) to 1,000", "page_size");
}

}  // namespace epigrid
