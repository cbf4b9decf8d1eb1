#include "tests/fakes/counting_fold.h"

#include "common/base/sha256.h"
#include "common/projector/commands.h"

namespace epigrid {
namespace {

std::string Sent(const std::string& household) { return "sent:" + household; }
std::string Met(const std::string& person) { return "met:" + person; }
std::string Text(const std::string& person) { return "text:" + person; }
std::string Fired(const std::string& person) { return "fired:" + person; }

void Increment(const std::string& key, Cells& cells) {
  const std::string* count = cells.Get(key);
  cells.Set(key, std::to_string((count == nullptr ? 0 : std::stoul(*count)) + 1));
}

}  // namespace

CountingFold::CountingFold(std::string service, std::vector<std::string> follows)
    : service_(std::move(service)), follows_(std::move(follows)) {}

std::string CountingFold::Route(const Event& foreign) const {
  return foreign.has_membership_changed() ? foreign.membership_changed().person_id() : "";
}

std::vector<std::string> CountingFold::Entities(const Event& event) const {
  if (event.has_membership_stated()) return {event.membership_stated().household_id()};
  if (event.has_membership_changed()) return {event.membership_changed().person_id()};
  if (event.has_person_update_requested()) return {event.person_update_requested().person_id()};
  if (event.has_person_registered()) return {event.person_registered().person_id()};
  return {};
}

void CountingFold::Needs(const Event& event, const CellReader& cells, NeedSet& needs) const {
  if (event.has_membership_stated()) {
    needs.String(Sent(event.membership_stated().household_id()));
  } else if (event.has_membership_changed()) {
    needs.String(Met(event.membership_changed().person_id()));
  } else if (event.has_person_update_requested()) {
    // In two rounds, as a fold that finds out what it needs.
    const std::string& person = event.person_update_requested().person_id();
    needs.String(Text(person));
    if (cells.HasString(Text(person))) needs.String(Met(person));
  } else if (event.has_person_registered()) {
    needs.String(Met(event.person_registered().person_id()));
  }
}

void CountingFold::Apply(const Event& event, Cells& cells, Context& context) const {
  ++times_applied;
  if (event.has_membership_stated()) {
    const auto& stated = event.membership_stated();
    Increment(Sent(stated.household_id()), cells);
    Event changed;
    changed.mutable_membership_changed()->set_household_id(stated.household_id());
    changed.mutable_membership_changed()->set_person_id(stated.person_id());
    context.EmitToInbox(stated.person_id(), std::move(changed));
  } else if (event.has_membership_changed()) {
    Event changed = event;
    changed.mutable_membership_changed()->set_version(context.offset);
    Increment(Met(event.membership_changed().person_id()), cells);
    context.Publish(topic(), event.membership_changed().person_id(), std::move(changed));
  } else if (event.has_person_update_requested()) {
    const auto& request = event.person_update_requested();
    if (cells.Get(Text(request.person_id())) != nullptr) {
      context.Ignore("TEXT_TAKEN");
      context.Answer({FailedPrecondition("TEXT_TAKEN", "the first text stands"), {}});
      return;
    }
    cells.Set(Text(request.person_id()), request.sealed_update());
    context.Answer({OkStatus(), "accepted " + request.sealed_update()});
    if (request.sealed_update().starts_with("timer:")) {
      const int64_t seconds = std::stol(request.sealed_update().substr(6));
      cells.MoveTimer(request.person_id(), {}, context.shard_time + std::chrono::seconds(seconds));
    }
  } else if (event.has_person_registered()) {
    Increment(Met(event.person_registered().person_id()), cells);
  }
}

void CountingFold::TimerNeeds(const Timer& timer, const CellReader& /*cells*/,
                              NeedSet& needs) const {
  needs.String(Fired(timer.id));
}

void CountingFold::FireTimer(const Timer& timer, Cells& cells, Context& /*context*/) const {
  Increment(Fired(timer.id), cells);
}

Task<Status> CountingFold::Prepare(std::vector<Event*> events) const {
  for (const Event* event : events) {
    if (stuck && event->has_person_registered() &&
        event->person_registered().sealed_registration() == "STUCK") {
      ++times_stuck;
      co_await never_.future();
    }
  }
  co_return OkStatus();
}

Event MembershipStated(const std::string& household, const std::string& person) {
  Event event;
  event.mutable_membership_stated()->set_household_id(household);
  event.mutable_membership_stated()->set_person_id(person);
  return event;
}

Event UpdateRequested(const std::string& person, const std::string& text,
                      const std::string& request_id) {
  Event event;
  event.mutable_request()->set_caller("test");
  event.mutable_request()->set_method("/test/Update");
  event.mutable_request()->set_request_id(request_id);
  event.mutable_request()->set_fingerprint(Sha256(text));
  event.mutable_person_update_requested()->set_person_id(person);
  event.mutable_person_update_requested()->set_sealed_update(text);
  return event;
}

Event Registered(const std::string& person, const std::string& text) {
  Event event;
  event.mutable_person_registered()->set_person_id(person);
  event.mutable_person_registered()->set_sealed_registration(text);
  return event;
}

Event OfUnknownKind(const std::string& text) {
  constexpr int kFieldOfNobody = 1999;
  Event event;
  event.GetReflection()->MutableUnknownFields(&event)->AddLengthDelimited(kFieldOfNobody, text);
  return event;
}

}  // namespace epigrid
