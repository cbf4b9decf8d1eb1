// The pins of a case: where the infected person was while others may have been infected, stated to
// each of those settings. Pins are a function of the case, the person's presence, memberships and
// isolation; whenever one of these changes they are worked out anew and the differences stated.
//
// A change of presence changes only the pins of the settings where it was, whose stays of other
// days are what they were: how much else the person has been seen makes it no slower.
// Presence of days that are forgotten stays in the pins that hold it.
#pragma once

#include <string>

#include "common/projector/cells.h"
#include "epigrid/contact_tracing/state/v1/state.pb.h"
#include "services/contact_tracing/domain/person_days.h"
#include "services/contact_tracing/domain/pin_builder.h"
#include "services/contact_tracing/domain/work.h"

namespace epigrid::contact_tracing {

// From the members of keys::CasePins.
template <typename Members>
PinSlices ReadSlices(const Members& members) {
  PinSlices slices;
  for (const auto& [number, bytes] : members) {
    slices[number] = *CellReader::ParseProto<state::v1::PinSlice>(&bytes);
  }
  return slices;
}

state::v1::TracedPerson LoadPerson(const CellReader& cells, const std::string& person_id);

// Everything that the pins of the person's cases depend on, and the pins.
void NeedCases(const std::string& person_id, const state::v1::TracedPerson& person,
               const CellReader& cells, NeedSet& needs);

// After a change of the person's memberships or isolation: if there is one case, its pins are
// stated here, else each case gets an event of its own (CasePinsContinued).
void RestateCases(const std::string& person_id, const state::v1::TracedPerson& person, Work& work);

// The same after a change of some stays, which are in their cells already.
void NeedCasesOfPresence(const state::v1::TracedPerson& person, NeedSet& needs);
void RestateCasesOfPresence(const std::string& person_id, const state::v1::TracedPerson& person,
                            const PersonDays::Stays& changed, Work& work);

// Works out the window and the pins and states what has changed; sets record.window.
void RestatePins(const state::v1::TracedPerson& person, state::v1::CaseRecord& record, Work& work);

// The case as users see it.
v1::Case MakeCase(const state::v1::CaseRecord& record, const PinSlices& slices,
                  uint32_t contact_count);

void Needs(const events::v1::CasePinsContinued& continued, const CellReader& cells, NeedSet& needs);
void Apply(const events::v1::CasePinsContinued& continued, Work& work);

void Needs(const events::v1::SettingSearched& searched, NeedSet& needs);
void Apply(const events::v1::SettingSearched& searched, Work& work);

}  // namespace epigrid::contact_tracing
