#include "tools/import_format/columns.h"

#include <cstdint>

#include "tools/import_format/values.h"

namespace epigrid {
namespace {

using namespace import_values;  // NOLINT(google-build-using-namespace): this file is a table of its names

constexpr Needed kRequired = Needed::kRequired;
constexpr Needed kOptional = Needed::kOptional;

constexpr int32_t kRevisionMax = INT32_MAX;

constexpr Column<PersonRow> kPersonColumns[] = {
    Shaped<&PersonRow::person, ParsePersonKey>("person", kRequired),
    Shaped<&PersonRow::document_type, ParseToken>("document_type", kRequired),
    Text<&PersonRow::document_number, 40>("document_number", kRequired),
    Text<&PersonRow::document_issuer, 3>("document_issuer", kOptional),
    Text<&PersonRow::name, 512>("name", kRequired),
    Shaped<&PersonRow::language, ParseLanguage>("language", kOptional),
    Shaped<&PersonRow::guardian, ParsePersonKey>("guardian", kOptional),
    Shaped<&PersonRow::household, ParseHouseholdKey>("household", kOptional),
    Value<&PersonRow::household_from_time, ParseTime, FormatTime>("household_from_time", kOptional),
    Shaped<&PersonRow::region_code, ParseRegion>("region_code", kOptional),
    Text<&PersonRow::contact_endpoint, 64>("contact_endpoint", kOptional),
    Text<&PersonRow::contact_address, 256>("contact_address", kOptional),
};

constexpr Column<SettingRow> kSettingColumns[] = {
    Shaped<&SettingRow::setting, ParseSettingKey>("setting", kRequired),
    Shaped<&SettingRow::category, ParseToken>("category", kRequired),
    Shaped<&SettingRow::region_code, ParseRegion>("region_code", kOptional),
    Decimal<&SettingRow::latitude, -90, 90>("latitude", kOptional),
    Decimal<&SettingRow::longitude, -180, 180>("longitude", kOptional),
    Integer<&SettingRow::usual_stay_minutes, 10, 720>("usual_stay_minutes", kOptional),
    Integer<&SettingRow::capacity, 1, 1'000'000>("capacity", kOptional),
};

constexpr Column<PresenceRow> kPresenceColumns[] = {
    Shaped<&PresenceRow::source_id, ParseSourceId>("source_id", kRequired),
    Integer<&PresenceRow::revision, 1, kRevisionMax>("revision", kOptional),
    Shaped<&PresenceRow::person, ParsePersonKey>("person", kRequired),
    Shaped<&PresenceRow::setting, ParsePlaceKey>("setting", kRequired),
    Value<&PresenceRow::check_in_time, ParseTime, FormatTime>("check_in_time", kRequired),
    Value<&PresenceRow::check_out_time, ParseTime, FormatTime>("check_out_time", kOptional),
    Text<&PresenceRow::position, 32>("position", kOptional),
};

constexpr Column<TestRow> kTestColumns[] = {
    Shaped<&TestRow::source_id, ParseSourceId>("source_id", kRequired),
    Integer<&TestRow::revision, 1, kRevisionMax>("revision", kOptional),
    Shaped<&TestRow::person, ParsePersonKey>("person", kRequired),
    Shaped<&TestRow::sampling_id, ParseSamplingId>("sampling_id", kOptional),
    Value<&TestRow::outcome, ParseOutcome, FormatOutcome>("outcome", kRequired),
    Shaped<&TestRow::method, ParseToken>("method", kRequired),
    Value<&TestRow::sampled_time, ParseTime, FormatTime>("sampled_time", kRequired),
    Value<&TestRow::reported_time, ParseTime, FormatTime>("reported_time", kOptional),
    Decimal<&TestRow::cycle_threshold, 0, 50>("cycle_threshold", kOptional),
    Text<&TestRow::laboratory, 64>("laboratory", kOptional),
};

Status Inconsistent(std::string message) {
  return InvalidArgument("IMPORT_ROW_INCONSISTENT", std::move(message));
}

}  // namespace

template <>
std::span<const Column<PersonRow>> Columns<PersonRow>() {
  return kPersonColumns;
}
template <>
std::span<const Column<SettingRow>> Columns<SettingRow>() {
  return kSettingColumns;
}
template <>
std::span<const Column<PresenceRow>> Columns<PresenceRow>() {
  return kPresenceColumns;
}
template <>
std::span<const Column<TestRow>> Columns<TestRow>() {
  return kTestColumns;
}

Status CheckRow(const PersonRow& row) {
  if (row.contact_endpoint.empty() != row.contact_address.empty()) {
    return Inconsistent("contact_endpoint and contact_address are set together or not at all");
  }
  if (row.guardian == row.person) {
    return Inconsistent("guardian must be another person; leave it empty for who is no dependant");
  }
  if (row.household.empty() && (row.household_from_time.is_set() || !row.region_code.empty())) {
    return Inconsistent(
        "household_from_time and region_code say something of a household: name it");
  }
  return OkStatus();
}

Status CheckRow(const SettingRow& row) {
  if (row.latitude.has_value() != row.longitude.has_value()) {
    return Inconsistent("latitude and longitude are set together or not at all");
  }
  return OkStatus();
}

Status CheckRow(const PresenceRow& row) {
  if (row.check_out_time.is_set() && row.check_out_time <= row.check_in_time) {
    return Inconsistent("check_out_time must be after check_in_time");
  }
  return OkStatus();
}

Status CheckRow(const TestRow& row) {
  if (row.reported_time.is_set() && row.reported_time < row.sampled_time) {
    return Inconsistent("reported_time must not be before sampled_time");
  }
  if (row.sampling_id.empty() && row.source_id.size() > kSamplingIdBytesMax) {
    return Inconsistent(
        "source_id is too long to stand for the sampling (64 characters): give the column "
        "sampling_id");
  }
  return OkStatus();
}

}  // namespace epigrid
