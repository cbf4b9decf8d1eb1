// CountingFold: a small fold for tests of the projector, whose effects are not idempotent, so that
// one that is lost or doubled shows.
//
//   MembershipStated{household, person}   counts in the household's shard and tells the person's
//   MembershipChanged{household, person}  counts in the person's shard, and is published
//                                         (as "<service>.member.v1")
//   PersonUpdateRequested{person, text}   decided: the first text of a person stands; "timer:<n>"
//                                         arms a timer n seconds after shard time, which counts
//   PersonRegistered{person, "STUCK"}     does not come back from Prepare while `stuck` holds
//
// Cells: "sent:<household>", "met:<person>", "text:<person>", "fired:<person>": decimal numbers or
// text.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "common/projector/fold.h"

namespace epigrid {

class CountingFold : public Fold {
 public:
  // `follows`: the topics that it subscribes to.
  explicit CountingFold(std::string service, std::vector<std::string> follows = {});

  std::string_view service() const override { return service_; }
  uint32_t version() const override { return 1; }
  std::vector<std::string> subscriptions() const override { return follows_; }
  std::string Route(const Event& foreign) const override;
  std::vector<std::string> publications() const override { return {topic()}; }
  std::vector<std::string> Entities(const Event& event) const override;
  void Needs(const Event& event, const CellReader& cells, NeedSet& needs) const override;
  void Apply(const Event& event, Cells& cells, Context& context) const override;
  std::string TimerEntity(const Timer& timer) const override { return timer.id; }
  void TimerNeeds(const Timer& timer, const CellReader& cells, NeedSet& needs) const override;
  void FireTimer(const Timer& timer, Cells& cells, Context& context) const override;
  Task<Status> Prepare(std::vector<Event*> events) const override;

  std::string topic() const { return service_ + ".member.v1"; }
  std::atomic<bool> stuck{true};
  mutable std::atomic<int> times_stuck{0};
  mutable std::atomic<int> times_applied{0};

 private:
  const std::string service_;
  const std::vector<std::string> follows_;
  Promise<Done> never_;
};

Event MembershipStated(const std::string& household, const std::string& person);
Event UpdateRequested(const std::string& person, const std::string& text,
                      const std::string& request_id);
Event Registered(const std::string& person, const std::string& text);
// As a newer binary writes it; `text` tells it from others.
Event OfUnknownKind(const std::string& text);

}  // namespace epigrid
