// Mailbox: one person's messages, as loaded from cells, with the moves that a message can make.
// Every move writes the message, keeps the two indexes and the timers in step with it, and
// publishes what became of it.
#pragma once

#include <optional>
#include <string>

#include "common/projector/fold.h"
#include "epigrid/notification/state/v1/state.pb.h"

namespace epigrid::notification {

class Mailbox {
 public:
  // Names the cells of a person's mailbox.
  static void Needs(const std::string& person_id, NeedSet& needs);

  Mailbox(std::string person_id, Cells& cells, Context& context);

  bool Has(const std::string& message_id) const;

  // A new message; a waiting one is superseded.
  void Add(v1::Message message);
  // Whether the attempt may begin: the message waits, is due, and none is being sent.
  bool Start(const std::string& message_id, v1::Attempt attempt);
  // Whether the attempt's result was still awaited.
  bool Finish(const std::string& message_id, const v1::Attempt& result);
  // The message's timer is due: the attempt has had its time, the back-off is over, or the message
  // has expired.
  void OnTimer(const std::string& message_id, Time now);

 private:
  using Stored = state::v1::StoredMessage;

  std::optional<Stored> Load(const std::string& message_id) const;
  Stored LoadKnown(const std::string& message_id) const;
  void Save(const Stored& stored);
  // Ends every move: writes the person, and brings the two indexes to where the person now is.
  void Settle();
  void MoveIndex(const std::string& index, const std::string& from_message_id,
                 const std::string& to_message_id);
  void MoveTimer(Stored& stored, Time due);
  // What the message says as things stand: a code stays only for who was told that code.
  std::string_view TemplateOf(const v1::Message& message) const;
  void Abandon(Stored stored, Time now);
  // After an attempt that did not deliver: again at `due` (unset: now), or never.
  void Reschedule(Stored stored, Time failed_at, bool again, Time due);
  // Puts it among the waiting, from `due` on (unset: now).
  void Wait(Stored& stored, Time due);
  // The message has come to its end.
  void Close(Stored stored, v1::MessageState state);
  void ForgetOldest();
  std::string Item(const std::string& message_id) const;
  // A time from when it arose here, however old its cause was by then.
  Time ExpiryOf(const Stored& stored) const;
  // A worker's time as far as timers may follow it: not before shard time, and not far ahead of it.
  // Before its first tick the shard has no time, and the message is new.
  Time Believed(Time told, const Stored& stored) const;

  const std::string person_id_;
  Cells& cells_;
  Context& context_;
  const state::v1::SendingConfiguration configuration_;
  const state::v1::StoredPerson before_;
  state::v1::StoredPerson person_;
};

// The pause after the n-th attempt in a row (from 1) that failed, or that found nobody to send to.
// The former doubles from the initial one up to the longest; the latter doubles from the longest
// one on, since there are many whom nothing reaches. Times a factor between 0.75 and 1.25 that is a
// function of message and attempt, so that many messages that failed at once do not come back at
// once.
Duration BackoffAfter(v1::AttemptOutcome outcome, uint32_t attempts_in_a_row,
                      const std::string& message_id,
                      const state::v1::SendingConfiguration& configuration);

}  // namespace epigrid::notification
