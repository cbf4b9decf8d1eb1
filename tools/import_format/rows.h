// What import files hold, one struct per kind of file. README.md lists the columns and what may
// stand in them.
//
// A field that is not set is an empty string, a Time that is not set, or nullopt.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/clock.h"

namespace epigrid {

struct PersonRow {
  std::string person;           // the person's key in this set of files
  std::string document_type;    // RESIDENT_ID, PASSPORT ...: identity's DocumentType
  std::string document_number;  // not looked into here: identity validates it
  std::string document_issuer;  // of a passport: three letters
  std::string name;
  std::string language;      // zh, en
  std::string guardian;      // the key of the person who answers for this dependant
  std::string household;     // the key of the household
  Time household_from_time;  // when the person moved in
  std::string region_code;   // of the household
  std::string
      // a name of the operator's configuration; with contact_address or not at all
      contact_endpoint;
  std::string contact_address;  // opaque to Epigrid
  friend bool operator==(const PersonRow&, const PersonRow&) = default;
};

struct SettingRow {
  std::string setting;   // the setting's key in this set of files
  std::string category;  // CATERING, TRANSPORT ...: contact_tracing's SettingCategory
  std::string region_code;
  std::optional<double> latitude;  // degrees, WGS 84; with longitude or not at all
  std::optional<double> longitude;
  std::optional<int32_t> usual_stay_minutes;  // 10 to 720
  std::optional<int32_t> capacity;            // people, 1 to 1,000,000
  friend bool operator==(const SettingRow&, const SettingRow&) = default;
};

struct PresenceRow {
  std::string source_id;  // the row's own id at its source: sent again, it is the same presence
  std::optional<int32_t> revision;
  std::string person;
  std::string setting;
  Time check_in_time;
  Time check_out_time;  // after check_in_time
  std::string position;
  friend bool operator==(const PresenceRow&, const PresenceRow&) = default;
};

struct TestRow {
  enum class Outcome : uint8_t { kUnspecified, kNegative, kPositive, kIndeterminate, kInvalid };

  std::string source_id;  // the result's id at the laboratory
  std::optional<int32_t> revision;
  std::string person;
  std::string sampling_id;  // of all specimens of one sampling; not set: source_id
  Outcome outcome = Outcome::kUnspecified;
  std::string method;  // required: NUCLEIC_ACID, ANTIGEN: health_code's TestMethod
  Time sampled_time;
  Time reported_time;  // not before sampled_time
  std::optional<double> cycle_threshold;
  std::string laboratory;
  friend bool operator==(const TestRow&, const TestRow&) = default;
};

}  // namespace epigrid
