// NotificationFold: which message a person is to get, and where it stands.
//
//                    ┌── a newer one ──▶ SUPERSEDED ◀── failed, a newer one waits ─┐
//   CodeChanged ──▶ DUE ── AttemptStarted ──▶ STARTED ── AttemptFinished ──▶ DELIVERED
//                    ▲ └── expired ──────────────│──────────────────────▶ UNDELIVERABLE
//                    └── back-off, or abandoned ─┘
//
// A result that says DELIVERED counts also after its attempt was abandoned.
//
// One change of a code makes one message, whose id is derived from the change. At most one of a
// person's messages is waiting and at most one is being sent; the waiting one is offered to workers
// (the index `due`) only when none is being sent, so that the last one delivered is the newest.
// AttemptStarted is decided here, in log order: a worker sends only when its attempt is the
// message's last one and the message is STARTED.
#pragma once

#include "common/projector/fold.h"
#include "epigrid/notification/state/v1/state.pb.h"

namespace epigrid::notification {

inline constexpr std::string_view kService = "notification";
inline constexpr std::string_view kDeliveryTopic = "notification.delivery.v1";

// What holds until a Configured record comes.
state::v1::SendingConfiguration DefaultSendingConfiguration();
// Whether the fold can work with it: no number is missing or beyond all reason. What operators may
// set is narrower (config.cc).
bool IsValid(const state::v1::SendingConfiguration& configuration);

// A person's older messages beyond this number are forgotten, oldest first; those under way never.
inline constexpr size_t kMessagesPerPersonMax = 64;
// Of a message's attempts the newest are kept.
inline constexpr int kAttemptsListedMax = 20;

class NotificationFold final : public Fold {
 public:
  std::string_view service() const override { return kService; }
  uint32_t version() const override { return 1; }
  std::vector<std::string> subscriptions() const override;
  std::string Route(const Event& foreign) const override;
  std::vector<std::string> publications() const override;
  std::vector<std::string> Entities(const Event& event) const override;

  void Needs(const Event& event, const CellReader& cells, NeedSet& needs) const override;
  void Apply(const Event& event, Cells& cells, Context& context) const override;
  std::string TimerEntity(const Timer& timer) const override;
  void TimerNeeds(const Timer& timer, const CellReader& cells, NeedSet& needs) const override;
  void FireTimer(const Timer& timer, Cells& cells, Context& context) const override;
};

}  // namespace epigrid::notification
