#include "tests/simulation/breaks.h"

#include "common/projector/snapshot.h"
#include "epigrid/internal/v1/snapshot.pb.h"

namespace epigrid {
namespace {

void OnEveryView(World& world, bool SimViewOptions::* option) {
  for (const auto& service : world.services()) service->view().options.*option = true;
}

// What a subscription copies gets a new position each time.
void Restamp(World& world) {
  world.log().options.tamper = [next = uint64_t{0}](std::vector<NewRecord>& records) mutable {
    for (NewRecord& record : records) {
      Envelope envelope;
      if (!envelope.ParseFromString(record.value) || !envelope.has_position() ||
          envelope.position().stream() == record.to.topic) {
        continue;
      }
      envelope.mutable_position()->set_offset(++next);
      record.value = envelope.SerializeAsString();
    }
  };
}

// What a snapshot says of itself.
template <typename Change>
void TamperWithSnapshots(World& world, Change change) {
  world.log().options.tamper = [change](std::vector<NewRecord>& records) {
    for (NewRecord& record : records) {
      if (!record.to.topic.ends_with(SnapshotTopic(""))) continue;
      internal::v1::SnapshotRecord snapshot;
      if (!snapshot.ParseFromString(record.value) || !snapshot.has_header()) continue;
      change(*snapshot.mutable_header());
      record.value = snapshot.SerializeAsString();
    }
  };
}

}  // namespace

const std::vector<Break>& AllBreaks() {
  static const std::vector<Break> kBreaks = {
      {"guard", "the view takes a batch that is merely ahead of it, not at it",
       [](World& world) { OnEveryView(world, &SimViewOptions::accept_ahead); }},
      {"mark", "the view keeps no high-water marks",
       [](World& world) { OnEveryView(world, &SimViewOptions::drop_marks); }},
      {"stream", "the view keeps one mark per source shard, not per stream and source shard",
       [](World& world) { OnEveryView(world, &SimViewOptions::merge_streams); }},
      {"order", "what a batch emits is sent in no particular order",
       [](World& world) {
         world.log().options.tamper = [&world](std::vector<NewRecord>& records) {
           world.random().Shuffle(records);
         };
       }},
      {"commit_first", "the log acknowledges records before it has them",
       [](World& world) { world.log().options.acknowledge_before_landing = true; }},
      {"restamp", "a subscription gives what it copies new positions", &Restamp},
      {"stale_read", "a read hides that the view is not where its reader left it",
       [](World& world) { OnEveryView(world, &SimViewOptions::hide_applied); }},
      {"floor_ahead", "floors are raised to the end of the log, beyond what was emitted",
       [](World& world) { world.log().options.raise_floors_to_the_end = true; }},
      {"torn_loss", "a failover of the view loses cells and keeps the offset",
       [](World& world) { OnEveryView(world, &SimViewOptions::keep_offset_on_loss); }},
      {"attempt", "the view keeps no attempts",
       [](World& world) { OnEveryView(world, &SimViewOptions::drop_attempts); }},
      {"clock", "the log stamps records by its producers' clocks",
       [](World& world) { world.log().options.stamp_by_producers_clock = true; }},
      {"snapshot_ahead", "a snapshot says that it goes further than it does",
       [](World& world) {
         TamperWithSnapshots(world, [](internal::v1::SnapshotHeader& header) {
           header.set_offset(header.offset() + 3);
         });
       }},
      {"snapshot_marks", "a snapshot has no high-water marks",
       [](World& world) {
         TamperWithSnapshots(world,
                             [](internal::v1::SnapshotHeader& header) { header.clear_marks(); });
       }},
      {"cut_ahead", "the log is cut beyond the snapshot",
       [](World& world) { world.log().options.cut_too_far = true; }},
  };
  return kBreaks;
}

bool ApplyBreak(World& world, std::string_view rule) {
  for (const Break& each : AllBreaks()) {
    if (each.rule != rule) continue;
    each.apply(world);
    return true;
  }
  return false;
}

}  // namespace epigrid
