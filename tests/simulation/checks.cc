#include "tests/simulation/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "common/base/proto_time.h"
#include "common/projector/parking.h"
#include "common/projector/rebuild.h"
#include "common/projector/snapshot.h"
#include "common/projector/subscription.h"
#include "common/projector/ticking.h"
#include "tests/simulation/aside_fold.h"
#include "tests/simulation/rubbish.h"
#include "tests/simulation/witness_fold.h"

namespace epigrid {
namespace {

// By topic and shard: the values that are emitted or copied there, each once.
using Expected = std::map<TopicShard, std::set<std::string>>;

void CheckAcknowledged(World& world) {
  std::map<TopicShard, std::map<Offset, std::string>> logged;
  for (const SimClient::Acknowledged& each : world.client().acknowledged()) {
    auto [at, first] = logged.try_emplace(each.to);
    if (first) {
      for (LogRecord& record : world.log().Ever(each.to)) {
        at->second[record.offset] = std::move(record.value);
      }
    }
    const auto found = at->second.find(each.offset);
    if (found == at->second.end() || found->second != each.value) {
      world.Fail(fmt::format("acknowledged and not in the log: {}/{} at {}", each.to.topic,
                             each.to.shard, each.offset));
    }
  }
}

template <typename Map>
void CompareCells(const Map& live, const Map& aside, const std::string& where, World& world) {
  if (live == aside) return;
  for (const auto& [key, value] : aside) {
    auto found = live.find(key);
    if (found == live.end()) {
      world.Fail(fmt::format("{}: '{}' is missing", where, key));
    } else if (found->second != value) {
      world.Fail(fmt::format("{}: '{}' differs from the log", where, key));
    }
  }
  for (const auto& [key, value] : live) {
    if (!aside.contains(key)) world.Fail(fmt::format("{}: '{}' is too much", where, key));
  }
}

void CompareView(const ShardImage& live, const ShardImage& aside, const std::string& where,
                 World& world) {
  CompareCells(live.strings, aside.strings, where, world);
  CompareCells(live.hashes, aside.hashes, where, world);
  CompareCells(live.indexes, aside.indexes, where, world);
  CompareCells(live.timers(), aside.timers(), where, world);
  CompareCells(live.meta.marks, aside.meta.marks, where + " marks", world);
  if (live.meta.digest != live.Recount()) {
    world.Fail(where + ": the digest is not that of the cells");
  }
  if (live.meta.digest != aside.meta.digest) {
    world.Fail(where + ": the digest differs from the log's");
  }
  if (live.meta.shard_time != aside.meta.shard_time || live.meta.quiet != aside.meta.quiet) {
    world.Fail(fmt::format("{}: shard time {} and quiet offset {}, where the log gives {} and {}",
                           where, live.meta.shard_time.micros, live.meta.quiet,
                           aside.meta.shard_time.micros, aside.meta.quiet));
  }
}

void CompareCommits(const SimService& service, Shard shard, const AsideFold& aside, World& world) {
  for (const SimService::Commit& commit : service.commits()) {
    if (commit.shard != shard) continue;
    auto at = aside.after().find(commit.next);
    if (at == aside.after().end() || at->second.digest != commit.digest ||
        at->second.shard_time != commit.shard_time) {
      world.Fail(
          fmt::format("{} shard {}: a batch up to {} of generation {} was not as the log has "
                      "it",
                      service.name(), shard, commit.next, commit.generation));
      return;
    }
  }
}

void CheckShardTime(const SimService& service, Shard shard, const AsideFold& aside,
                    const std::vector<LogRecord>& records, World& world) {
  Time last;
  for (const LogRecord& record : records) {
    const Time time = aside.after().at(record.offset).shard_time;
    if (time < last) {
      world.Fail(
          fmt::format("{} shard {}: time goes back at {}", service.name(), shard, record.offset));
    }
    last = time;
  }
  if (last > world.scheduler().Now() + kClockDifferenceMax) {
    world.Fail(fmt::format("{} shard {}: a wrong clock moved its time", service.name(), shard));
  }
}

// Folds every shard of the service aside and compares; adds what it emits and copies to `expected`.
void CheckService(SimService& service, World& world, Expected& expected) {
  if (service.counts().contains("ALERT_REBUILD_DIFFERS")) {
    world.Fail(service.name() + ": a rebuild differed");
  }
  if (service.counts().contains("ALERT_AUDIT_DIFFERS")) {
    world.Fail(service.name() + ": an audit differed");
  }
  if (service.counts().contains("REBUILD_GIVEN_UP") && service.crashes() < kRebuildDeathsMax) {
    world.Fail(service.name() +
               ": a rebuild was given up that cannot have killed anybody so often");
  }
  for (Shard shard = 0; shard < service.shard_count(); ++shard) {
    const TopicShard inbox{service.inbox(), shard};
    const std::vector<LogRecord> records = world.log().Ever(inbox);
    std::map<Offset, std::string> parked;
    for (const auto& [field, reason] : world.log().metadata(inbox)) {
      if (field.starts_with(kParkedPrefix)) {
        parked[std::stoull(field.substr(kParkedPrefix.size()))] = reason;
      }
    }
    const WitnessFold fold(service.spec().make_fold());
    AsideFold aside(fold, shard, service.shard_count(), std::move(parked));
    aside.Fold(records);
    const std::string where = fmt::format("{} shard {}", service.name(), shard);
    for (const std::string& problem : aside.problems()) world.Fail(where + ": " + problem);
    CompareView(*service.view().Live(shard), aside.state(), where, world);
    CompareCommits(service, shard, aside, world);
    CheckShardTime(service, shard, aside, records, world);
    for (const NewRecord& record : aside.emitted()) expected[record.to].insert(record.value);
    for (const std::string& topic : fold.subscriptions()) {
      for (const LogRecord& record : world.log().Ever({topic, shard})) {
        for (const NewRecord& copy :
             CopyToInbox(fold, service.shard_count(), {topic, shard}, record)) {
          expected[copy.to].insert(copy.value);
        }
      }
    }
  }
}

// What has a position was emitted or copied, and what does not parse was copied if no stranger
// wrote it there; it must be all of what was expected and nothing else.
void CheckEmitted(World& world, const Expected& expected) {
  Expected found;
  for (const auto& [of, shard] : world.log().shards()) {
    if (of.topic.ends_with(SnapshotTopic(""))) continue;
    for (const LogRecord& record : world.log().Ever(of)) {
      if (world.IsRubbish(of, record.value)) continue;  // nobody emitted it
      const bool copied = ReasonToPark(record.value) == kParkedMalformed;
      if (copied || !PositionOf(record.value).empty()) found[of].insert(record.value);
    }
  }
  auto missing = [&](const Expected& in, const Expected& from, const char* what) {
    for (const auto& [of, values] : from) {
      const auto there = in.find(of);
      for (const std::string& value : values) {
        if (there != in.end() && there->second.contains(value)) continue;
        world.Fail(fmt::format("{}/{}: {}: {}", of.topic, of.shard, what, PositionOf(value)));
      }
    }
  };
  missing(found, expected, "was to be emitted and is not in the log");
  missing(expected, found, "is in the log and was never to be emitted");
}

}  // namespace

void CheckWorld(World& world) {
  CheckAcknowledged(world);
  Expected expected;
  for (const auto& service : world.services()) CheckService(*service, world, expected);
  CheckEmitted(world, expected);
}

}  // namespace epigrid
