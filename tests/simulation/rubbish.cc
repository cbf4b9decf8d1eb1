#include "tests/simulation/rubbish.h"

#include <fmt/format.h>

#include "common/base/proto_time.h"
#include "common/projector/emission.h"
#include "common/projector/parking.h"
#include "tests/fakes/counting_fold.h"

namespace epigrid {
namespace {

// Of one that stands in the log, so that all but the end of it looks true.
std::string CutShort(World& world, const TopicShard& of, const std::string& name) {
  const std::vector<LogRecord>& records = world.log().shard(of).records;
  const std::string whole = records.empty() ? "" : world.random().Pick(records).value;
  return whole + "\xff" + name;
}

Envelope EnvelopeOf(World& world, const RubbishPlan& plan, const std::string& name) {
  Envelope envelope;
  envelope.set_schema_version(kSchemaVersion);
  *envelope.mutable_recorded_at() = ToProto(world.scheduler().Now());
  envelope.set_actor(name);
  const bool is_public = !plan.to.topic.ends_with(".inbox");
  if (is_public || world.random().Chance(0.5)) {
    // Each has a stream of its own: a stranger keeps no order among them.
    envelope.mutable_position()->set_stream(name);
    envelope.mutable_position()->set_source_shard(plan.to.shard);
    envelope.mutable_position()->set_offset(1);
  }
  return envelope;
}

}  // namespace

NewRecord MakeRubbish(World& world, const RubbishPlan& plan) {
  SimRandom& random = world.random();
  const std::string name = fmt::format("rubbish{:016x}", random.Next());
  const uint64_t form = random.Below(6);
  if (form == 0) return {plan.to, plan.key, CutShort(world, plan.to, name)};
  if (form == 1) return {plan.to, plan.key, "\xff" + name};
  Envelope envelope = EnvelopeOf(world, plan, name);
  if (form == 2) return {plan.to, plan.key, envelope.SerializeAsString()};
  if (form == 3) envelope.set_schema_version(kSchemaVersion + 1);
  AddEvent(envelope, plan.key, plan.stated, OfUnknownKind(name));
  if (plan.known.has_value() && random.Chance(0.5)) *envelope.add_events() = *plan.known;
  return {plan.to, plan.key, envelope.SerializeAsString()};
}

std::string_view ReasonToPark(const std::string& value) {
  Envelope envelope;
  if (!envelope.ParseFromString(value) || envelope.events().empty()) return kParkedMalformed;
  bool known = envelope.schema_version() <= kSchemaVersion;
  for (const Event& event : envelope.events()) known &= event.kind_case() != Event::KIND_NOT_SET;
  return known ? std::string_view() : kParkedUnknownEvent;
}

std::string PositionOf(const std::string& value) {
  Envelope envelope;
  if (!envelope.ParseFromString(value) || !envelope.has_position()) return {};
  return envelope.position().ShortDebugString();
}

}  // namespace epigrid
