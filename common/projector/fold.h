// Fold: the part of a service that is its own: how one inbox record changes the service's state,
// and what it emits.
//
// A fold is a deterministic function of the inbox: it has no clock, no randomness, no look-up; its
// time is the shard's (`Context::shard_time`, the greatest Tick), its configuration comes as
// Configured records. The projector (shard_projector.h) gives it two calls per event:
//
//   Needs(event, cells, needs)   names the cells that Apply will touch; asked again as long as it
//                                names new ones, so it may look at those that are loaded already
//                                (cells.Has...) to name further ones
//   Apply(event, cells, context) reads and writes loaded cells, arms timers, emits. Touching a cell
//                                that is not loaded aborts: it is a bug.
//
// and the same pair for timers that a Tick finds due.
//
//   void Needs(const Event& event, const CellReader& cells, NeedSet& needs) {
//     needs.String("person:" + event.check_in().person_id());
//   }
//   void Apply(const Event& event, Cells& cells, Context& context) {
//     Person person = cells.GetProto<Person>(key).value_or(Person());
//     ...
//     cells.SetProto(key, person);
//     context.EmitToInbox(setting_id, std::move(presence_event));
//   }
//
// Threads: none of its own. A Fold object is used by one thread at a time and keeps nothing between
// calls but what it was constructed with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/base/shard.h"
#include "common/base/status.h"
#include "common/event_log/event_log.h"
#include "common/projector/cells.h"
#include "epigrid/events/v1/envelope.pb.h"

namespace epigrid {

using events::v1::Envelope;
using events::v1::Event;

// An event writes at most this many cells (asserted); larger work goes on by continuation events to
// itself.
inline constexpr size_t kWritesPerEventMax = 16;
// A record carries at most this many events; emitters and APIs cut there.
inline constexpr size_t kEventsPerRecordMax = 128;

// Of envelopes as this code writes them; it reads this one and the one before.
inline constexpr uint32_t kSchemaVersion = 1;

// What an emitted event goes to.
struct Emission {
  std::string topic;   // empty: the service's own inbox
  std::string entity;  // whom it concerns; inbox: whose shard receives it
  Event event;
  // Whose time, actor, purpose and trace it carries on: the runtime sets it. Null: those of the
  // record in hand.
  const Envelope* cause = nullptr;
};

// The answer to a decided command: OK with a result (a serialized message of the service's own), or
// the reason why not.
struct Outcome {
  Status status;
  std::string result;
};

// What Apply is told and what it gives back besides cells.
class Context {
 public:
  Context(Shard shard, Offset offset, uint32_t event_index, Time shard_time, Time recorded_at)
      : shard(shard),
        offset(offset),
        event_index(event_index),
        shard_time(shard_time),
        recorded_at(recorded_at) {}

  const Shard shard;
  const Offset offset;         // of the inbox record: the version of whatever this event changes
  const uint32_t event_index;  // within the record
  const Time shard_time;
  // when the record's origin was taken in, by the clock of the API that did: a fact
  const Time recorded_at;

  // To the inbox shard of that entity of this same service.
  void EmitToInbox(std::string entity, Event event) {
    emissions.push_back({"", std::move(entity), std::move(event)});
  }
  // To a public topic, in the partition numbered as this shard. A subscriber that does not know
  // this kind of event yet routes and parks it by the entity.
  void Publish(std::string topic, std::string entity, Event event) {
    emissions.push_back({std::move(topic), std::move(entity), std::move(event)});
  }
  // Only for an event with a request: what its caller is answered. Not called: OK with an empty
  // result.
  void Answer(Outcome outcome) { answer = std::move(outcome); }
  // Counts something that changed nothing but that an operator should see: a conflict, a stale
  // fact. Stable reasons.
  void Ignore(std::string_view reason) { ignored.emplace_back(reason); }

  std::vector<Emission> emissions;
  std::optional<Outcome> answer;
  std::vector<std::string> ignored;
};

class Fold {
 public:
  virtual ~Fold() = default;

  // "health_code": the prefix of its inbox, its keys and its metrics.
  virtual std::string_view service() const = 0;
  // Rises whenever the same inbox would give another state.
  virtual uint32_t version() const = 0;
  // Whether the cells that this version of it left can be folded on as they are. It is asked where
  // the facts are not there any more: else the changed fold folds them anew.
  virtual bool ReadsStateOf(uint32_t fold_version) const { return fold_version == version(); }
  // The public topics of other services that are copied into this inbox, and the entity to whose
  // shard an event goes (empty: this service has no use for it).
  virtual std::vector<std::string> subscriptions() const = 0;
  virtual std::string Route(const Event& foreign) const = 0;
  // The public topics that it publishes to: all of them.
  virtual std::vector<std::string> publications() const = 0;
  // The entities of an event: what parks with it, should it be poison.
  virtual std::vector<std::string> Entities(const Event& event) const = 0;

  virtual void Needs(const Event& event, const CellReader& cells, NeedSet& needs) const = 0;
  virtual void Apply(const Event& event, Cells& cells, Context& context) const = 0;

  // Whose timer it is: while this entity waits behind something parked, the timer is held. Every
  // event that moves it has this entity among its own.
  virtual std::string TimerEntity(const Timer& timer) const = 0;
  // A timer that is due. The projector has taken it out of the timers already.
  virtual void TimerNeeds(const Timer& timer, const CellReader& cells, NeedSet& needs) const = 0;
  virtual void FireTimer(const Timer& timer, Cells& cells, Context& context) const = 0;

  // Turns what must not stand in the log in clear into what the fold reads (identity: decryption by
  // person keys), for all events of a batch, before Needs. Most services have nothing to do.
  virtual Task<Status> Prepare(std::vector<Event*> events) const {
    (void)events;
    co_return OkStatus();
  }
};

}  // namespace epigrid
