#include "services/contact_tracing/domain/setting_update.h"

#include <utility>

#include "common/base/proto_time.h"
#include "services/contact_tracing/domain/setting_search.h"
#include "services/contact_tracing/view/keys.h"

namespace epigrid::contact_tracing {
namespace {

using events::v1::PinStated;
using events::v1::SettingSearchContinued;
using events::v1::SettingUpdateRequested;
using state::v1::TracedSetting;

// Of each pin the case is told and a search begins, and one event goes on: these fill a record.
constexpr int kPinsAtOnce = (kEventsPerRecordMax - 1) / 2;

std::string PinsOf(const SettingSearchContinued& part) {
  return part.has_settled_slice() ? keys::SettledPinSlice(part.setting_id(), part.settled_slice())
                                  : keys::Pins(part.setting_id());
}

void GoOn(SettingSearchContinued part, Work& work) {
  const std::string setting_id = part.setting_id();
  Event event;
  *event.mutable_setting_search_continued() = std::move(part);
  work.context.EmitToInbox(setting_id, std::move(event));
}

// Begins the searches of the next pins; true: these were all of the part's. The members of PinsOf
// must be loaded.
bool SearchNext(SettingSearchContinued& part, const TracedSetting& setting, Work& work) {
  SettingSearch search(work, part.setting_id(), setting);
  const auto& pins = work.cells.GetMembers(PinsOf(part));
  auto at = pins.upper_bound(part.after_case_id());
  for (int begun = 0; at != pins.end() && begun < kPinsAtOnce; ++at, ++begun) {
    search.SearchAnew(*CellReader::ParseProto<PinStated>(&at->second));
    part.set_after_case_id(at->first);
  }
  return at == pins.end();
}

// To the settled pins, one slice of them after the other.
void GoOnToSettled(SettingSearchContinued part, Work& work) {
  const uint32_t next = part.has_settled_slice() ? part.settled_slice() + 1 : 0;
  if (!part.with_settled() || next == keys::kSettledPinSlices) return;
  part.set_settled_slice(next);
  part.clear_after_case_id();
  GoOn(std::move(part), work);
}

void SetUnfinished(TracedSetting& setting, uint32_t count, const std::string& setting_id,
                   Work& work) {
  setting.set_unfinished_changes(count);
  work.cells.SetProto(keys::Setting(setting_id), setting);
}

}  // namespace

void Needs(const SettingUpdateRequested& requested, const CellReader& cells, NeedSet& needs) {
  const std::string& setting_id = requested.setting().setting_id();
  const auto setting = NeedSetting(setting_id, cells, needs);
  if (setting && setting->pin_count() > 0) needs.Members(keys::Pins(setting_id));
}

void Apply(const SettingUpdateRequested& requested, Work& work) {
  const std::string& setting_id = requested.setting().setting_id();
  TracedSetting setting = LoadSetting(work.cells, setting_id);
  const SettingRule before = RuleOf(work.policy, setting_id, setting);
  const bool same = setting.has_setting() && setting.setting().SerializeAsString() ==
                                                 requested.setting().SerializeAsString();
  work.context.Answer({OkStatus(), requested.setting().SerializeAsString()});
  if (same) return;
  *setting.mutable_setting() = requested.setting();
  const SettingRule after = RuleOf(work.policy, setting_id, setting);
  const bool rule_changed = !before.known || before.category != after.category ||
                            before.stays.usual_stay != after.stays.usual_stay;
  if (rule_changed) setting.set_rule_version(VersionOf(work.context));
  work.cells.SetProto(keys::Setting(setting_id), setting);
  if (!rule_changed) return;
  SettingSearchContinued part;
  part.set_setting_id(setting_id);
  part.set_with_settled(!before.known && setting.settled_pin_count() > 0);
  if (setting.pin_count() == 0 || SearchNext(part, setting, work)) {
    return GoOnToSettled(std::move(part), work);
  }
  SetUnfinished(setting, setting.unfinished_changes() + 1, setting_id, work);
  GoOn(std::move(part), work);
}

void Needs(const SettingSearchContinued& part, const CellReader& cells, NeedSet& needs) {
  NeedSetting(part.setting_id(), cells, needs);
  needs.Members(PinsOf(part));
}

void Apply(const SettingSearchContinued& part, Work& work) {
  const std::string& setting_id = part.setting_id();
  TracedSetting setting = LoadSetting(work.cells, setting_id);
  SettingSearchContinued next = part;
  if (!SearchNext(next, setting, work)) return GoOn(std::move(next), work);
  if (!part.has_settled_slice() && setting.unfinished_changes() > 0) {
    SetUnfinished(setting, setting.unfinished_changes() - 1, setting_id, work);
  }
  GoOnToSettled(std::move(next), work);
}

}  // namespace epigrid::contact_tracing
