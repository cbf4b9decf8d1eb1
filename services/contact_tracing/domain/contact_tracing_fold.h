// ContactTracingFold: who met whom, as a function of the log. A symmetric join between shards:
//
//   presence ──▶ person's shard ──StaysStated────▶ setting's shard ──MatchStated──▶ contact's shard
//   membership,       │         ──StandingStated─▶  │        ▲  │                    ──▶ ExposureChanged
//   isolation,        │         ──PinStated──────▶  │        │  └─MatchStated──▶ case's shard
//   test, case        └─▶ CaseChanged               └─PinSearchContinued  SettingSearched ──▶
//
// Every message between shards replaces what was said of its subject before, so that each piece
// works out what should be and states the difference; an empty statement takes back. Whatever the
// order in which the facts come, the contacts in the end are the same. The pieces:
//
//   presence.h       observations to stays by day         person_days.h, presence_revision.h
//   standing.h       memberships and separations
//   case_book.h      cases, by agencies and by tests      case_window.h
//   case_pins.h      where a case was in its window     pin_builder.h
//   setting_shard.h  who was there, matched with pins     setting_search.h, setting_match.h, overlap.h
//   exposures.h      a person's exposures, a case's contacts
//
// Threads: one at a time. Configuration: state.v1.TracingConfiguration, as Configured.
#pragma once

#include <optional>

#include "common/projector/fold.h"
#include "services/contact_tracing/domain/policy.h"

namespace epigrid::contact_tracing {

class ContactTracingFold final : public Fold {
 public:
  // `shard_count`: of the service, since a case belongs to its person's shard.
  explicit ContactTracingFold(uint32_t shard_count);

  std::string_view service() const override { return "contact_tracing"; }
  uint32_t version() const override { return 2; }
  std::vector<std::string> subscriptions() const override;
  std::string Route(const Event& foreign) const override;
  std::vector<std::string> publications() const override;
  std::vector<std::string> Entities(const Event& event) const override;

  void Needs(const Event& event, const CellReader& cells, NeedSet& needs) const override;
  void Apply(const Event& event, Cells& cells, Context& context) const override;
  std::string TimerEntity(const Timer& timer) const override;
  void TimerNeeds(const Timer& timer, const CellReader& cells, NeedSet& needs) const override;
  void FireTimer(const Timer& timer, Cells& cells, Context& context) const override;

 private:
  // Null: the configuration is not loaded yet.
  const TracingPolicy* Policy(const CellReader& cells) const;

  const uint32_t shard_count_;
  const TracingPolicy default_policy_;
  // Of the configuration that was read last: reading it anew for every event would cost more than
  // the event. A pure function of its bytes.
  mutable std::string policy_bytes_;
  mutable std::optional<TracingPolicy> policy_;
};

}  // namespace epigrid::contact_tracing
