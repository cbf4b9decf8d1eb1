// PinBuilder: the pins of a case as they should be: a function of its windows and of the person's
// presence, memberships and separations.
//
//   PinBuilder builder(work, person, record, windows);
//   Pins pins = builder.Build(stated);                                  // all of them
//   std::optional<PinStated> pin = builder.Change(setting_id, days, stated_pin);   // one of them
//
// What it needs is loaded: the blocks of the person's days, or of `days`. Counted and ignored:
// PIN_LIMIT (more than 4,096 stays of a case in one setting).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "epigrid/contact_tracing/state/v1/state.pb.h"
#include "epigrid/events/v1/contact_tracing_events.pb.h"
#include "services/contact_tracing/domain/case_window.h"
#include "services/contact_tracing/domain/work.h"

namespace epigrid::contact_tracing {

// By setting id, without version.
using Pins = std::map<std::string, events::v1::PinStated>;
// By slice number.
using PinSlices = std::map<std::string, state::v1::PinSlice>;

inline bool IsSame(const google::protobuf::Message& a, const google::protobuf::Message& b) {
  return a.SerializeAsString() == b.SerializeAsString();
}

class PinBuilder {
 public:
  // All outlive it.
  PinBuilder(const Work& work, const state::v1::TracedPerson& person,
             const state::v1::CaseRecord& record, const CaseWindows& windows)
      : work_(work), person_(person), record_(record), windows_(windows) {}

  // `stated` holds what is remembered of days that are forgotten.
  Pins Build(const PinSlices& stated) const;
  // The pin of a setting in which the stays of some days have changed since it was as `stated`
  // (empty: there was none); nullopt: more has changed than that.
  std::optional<events::v1::PinStated> Change(const std::string& setting_id,
                                              const std::set<int32_t>& days,
                                              const events::v1::PinStated& stated) const;

 private:
  const Span& WindowIn(const std::string& setting_id) const;
  events::v1::PinStated NewPin(const std::string& setting_id) const;
  events::v1::PinStated& Pin(const std::string& setting_id, Pins& pins) const;
  state::v1::PresenceDay Day(int32_t day) const;
  void AddStay(const std::string& setting_id, const events::v1::Stay& stay, Pins& pins) const;
  void AddStanding(Pins& pins) const;

  const Work& work_;
  const state::v1::TracedPerson& person_;
  const state::v1::CaseRecord& record_;
  const CaseWindows& windows_;
};

}  // namespace epigrid::contact_tracing
