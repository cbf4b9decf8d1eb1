// MailboxShard: one shard of the notification service in memory, for tests of its fold.
//
//   MailboxShard shard;
//   const std::string message = shard.Change(kPerson, v1::COLOUR_RED);
//   shard.Start(kPerson, message, "attempt-1");
//   shard.Tick(shard.now + 60s);
//
// What the fold writes is applied to a copy of the view, and the digest that it keeps is compared
// with one that is counted anew from that copy after every event: an index or a timer that is not
// in step fails the test. Used by one thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "epigrid/health_code/v1/health_code.pb.h"
#include "services/notification/domain/notification_fold.h"

namespace epigrid::notification {

class MailboxShard {
 public:
  // The events of every kind; each is one record, taken in at `now`.
  void Configure(const state::v1::SendingConfiguration& configuration);
  // A code that changed to this colour; its message's id.
  std::string Change(const std::string& person_id, health_code::v1::Colour colour);
  // A further case that exposes a person whose code stays of this colour; its message's id.
  std::string Expose(const std::string& person_id, health_code::v1::Colour colour,
                     health_code::v1::Measure measure = health_code::v1::MEASURE_HOME);
  // Whether the fold accepted it.
  bool Start(const std::string& person_id, const std::string& message_id,
             const std::string& attempt_id);
  bool Finish(const std::string& person_id, const std::string& message_id,
              const std::string& attempt_id, v1::AttemptOutcome outcome,
              const std::string& reason = "");
  // The clock and shard time move on; timers that are due fire.
  void Tick(Time to);
  // Any event; what the fold ignored.
  std::vector<std::string> Fold(const Event& event);
  // Forgets what is cached, as a restart does.
  void DropCache() { cells_.Drop(); }

  std::optional<state::v1::StoredMessage> Find(const std::string& person_id,
                                               const std::string& message_id) const;
  v1::Message Message(const std::string& person_id, const std::string& message_id) const {
    return Find(person_id, message_id).value().message();
  }
  size_t CountMessages(const std::string& person_id) const;
  // "<person id>/<message id>" of those offered to workers, and of those being sent.
  std::set<std::string> offered() const;
  std::set<std::string> started() const;
  const std::map<std::string, Time>& timers() const { return timers_; }
  // "<message id> <state>", as published.
  const std::vector<std::string>& published() const { return published_; }
  const Digest& digest() const { return cells_.digest(); }
  // All events so far, for a replay.
  const std::vector<std::pair<Time, Event>>& log() const { return log_; }
  void Replay(const std::vector<std::pair<Time, Event>>& log);

  Time now = Time::FromSeconds(1'640'000'000);
  // How long events were on their way from their first cause to here.
  Duration delay{0};

 private:
  std::string FoldCode(const std::string& person_id, health_code::v1::Colour colour,
                       health_code::v1::Colour previous, health_code::v1::Measure measure);
  template <typename ApplyFn>
  std::vector<std::string> Run(ApplyFn apply, const std::function<void(NeedSet&)>& name_needs);
  CellFound Read(const CellRead& read) const;
  void Write(const CellWrite& write);
  void CheckDigest() const;

  NotificationFold fold_;
  Cells cells_;
  Offset offset_ = 0;
  Time shard_time_;
  std::map<std::string, std::string> strings_;
  std::map<std::string, std::map<std::string, std::string>> members_;
  std::map<std::string, std::set<std::string>> indexes_;
  std::map<std::string, Time> timers_;
  std::vector<std::string> published_;
  std::vector<std::pair<Time, Event>> log_;
};

}  // namespace epigrid::notification
