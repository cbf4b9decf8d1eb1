// Sender: takes the messages that are offered in the view, and sends them.
//
//   offered in the view ─▶ contacts ─▶ AttemptStarted ─▶ applied? read back ─▶ channels ─▶ AttemptFinished
//       (index `due`)      (identity)     (log)             (view)            (HTTP, file)    (log)
//
// The fold decides who sends: a message is sent only when, after AttemptStarted was applied, its
// last attempt is this sender's and it is STARTED. So it is sent by one worker at a time, never
// after a newer one took its place, and again only when its attempt had its time without a result.
// Nothing is started while identity cannot be asked, nor for a person of whom a record is parked:
// it would wait behind that record, and be started again and again.
//
// It is woken by Wake(shard) when something was applied there, and looks into every shard each
// `poll_interval` all the same. Messages in hand are bounded; what does not fit stays in the view.
// A batch is resolved, started and read back as one; sends run side by side; results are appended
// together with those that came meanwhile.
//
// Contact points are tried in order until one takes the message; if none does, the attempt FAILED
// if any of them did, else it is REFUSED. Reasons of its own:
//   NO_CONTACT_POINT  UNREACHABLE: the person has none
//   PERSON_UNKNOWN    UNREACHABLE: identity does not know the person yet
//   PERSON_ERASED     REFUSED
//   ENDPOINT_UNKNOWN  FAILED: the contact point's endpoint is not configured here
//   TOO_LATE          FAILED: the attempt's time was nearly over before it was sent
// and what identity says of this person alone: FAILED.
//
// Life cycle: construct, Start, Stop, destroy; what it was given outlives it. Threads: all on the
// scheduler's, where also the Futures of channels and resolver are set (on_scheduler.h).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/base/ids.h"
#include "common/base/scheduler.h"
#include "services/notification/channels/channel.h"
#include "services/notification/sender/contact_resolver.h"
#include "services/notification/sender/outbox.h"

namespace epigrid::notification {

// By the endpoint's name.
using Channels = std::map<std::string, std::unique_ptr<Channel>, std::less<>>;

// What a sender tells of itself, on the scheduler's thread.
class SenderObserver {
 public:
  virtual ~SenderObserver() = default;
  // An attempt of this sender has ended.
  virtual void OnAttempt(v1::AttemptOutcome /*outcome*/) {}
  // A message was delivered, so long after it arose.
  virtual void OnDelivered(Duration /*after*/) {}
  // How many messages are offered in the shards that this sender works on.
  virtual void OnOffered(uint64_t /*count*/) {}
};

struct SenderOptions {
  uint32_t shard_count = kDefaultShardCount;
  Duration poll_interval = std::chrono::milliseconds(500);
  size_t in_hand_max = 1024;  // messages
  size_t batch_max = 256;     // messages whose contacts are resolved at once
  // How long a channel may take: nothing is sent that could end after the attempt.
  Duration send_timeout = std::chrono::seconds(20);
};

class Sender {
 public:
  // `works_on`: whether this instance works on the shard now. Correctness does not depend on it:
  // two senders of one shard get in each other's way, no more. `observer` may be null.
  Sender(Scheduler& scheduler, Outbox& outbox, ContactResolver& contacts, const Channels& channels,
         RandomSource& random, std::function<bool(Shard)> works_on, SenderOptions options,
         SenderObserver* observer = nullptr);
  // What is under way is dropped where it stands: the fold gives up its attempts in their time.
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  void Start();
  // Something was applied in the shard.
  void Wake(Shard shard);
  // Starts no further attempt; done when those under way have ended and their results are in the
  // log, or after `deadline`. Once.
  Future<Done> Stop(Duration deadline);

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace epigrid::notification
