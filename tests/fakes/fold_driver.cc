#include "tests/fakes/fold_driver.h"

#include <algorithm>
#include <utility>

namespace epigrid {
namespace {

CellFound Find(const FoldDriver::Stored& stored, const CellRead& read) {
  CellFound found;
  if (read.kind == CellRead::Kind::kString) {
    const auto at = stored.strings.find(read.key);
    if (at != stored.strings.end()) found.value = at->second;
    return found;
  }
  const auto at = stored.members.find(read.key);
  if (at == stored.members.end()) return found;
  if (read.kind == CellRead::Kind::kMembers) {
    found.members.insert(at->second.begin(), at->second.end());
    return found;
  }
  const auto member = at->second.find(read.field);
  if (member != at->second.end()) found.value = member->second;
  return found;
}

void Write(const CellWrite& write, FoldDriver::Stored& stored, std::set<Timer>& timers) {
  switch (write.kind) {
    case CellWrite::Kind::kSet: stored.strings[write.key] = write.value; return;
    case CellWrite::Kind::kDelete:
      stored.strings.erase(write.key);
      stored.members.erase(write.key);
      return;
    case CellWrite::Kind::kSetMember: stored.members[write.key][write.field] = write.value; return;
    case CellWrite::Kind::kDeleteMember: {
      auto& members = stored.members[write.key];
      members.erase(write.field);
      if (members.empty()) stored.members.erase(write.key);
      return;
    }
    case CellWrite::Kind::kAddToIndex:
      EPIGRID_CHECK(stored.indexes[write.key].insert(write.field).second,
                    "the fold adds to an index what is there");
      return;
    case CellWrite::Kind::kRemoveFromIndex:
      EPIGRID_CHECK(stored.indexes[write.key].erase(write.field) == 1,
                    "the fold removes from an index what is not there");
      if (stored.indexes[write.key].empty()) stored.indexes.erase(write.key);
      return;
    case CellWrite::Kind::kSetTimer:
    case CellWrite::Kind::kDeleteTimer: {
      const auto armed = stored.timers.find(write.field);
      if (armed != stored.timers.end()) {
        timers.erase({armed->second, write.field});
        stored.timers.erase(armed);
      } else {
        EPIGRID_CHECK(write.kind == CellWrite::Kind::kSetTimer,
                      "the fold disarms a timer that is not armed");
      }
      if (write.kind == CellWrite::Kind::kDeleteTimer) return;
      stored.timers[write.field] = write.due;
      timers.insert({write.due, write.field});
      return;
    }
  }
}

}  // namespace

FoldDriver::FoldDriver(const Fold& fold, uint32_t shard_count, uint64_t seed)
    : fold_(fold), shards_(shard_count), turns_(seed) {}

Outcome FoldDriver::Send(const std::string& entity, Event event) {
  const size_t number = Append(entity, std::move(event));
  Run();
  const Outcome* answer = outcome(number);
  return answer == nullptr ? Outcome() : *answer;
}

void FoldDriver::Configure(const std::string& configuration) {
  for (ShardState& state : shards_) {
    Event event;
    event.mutable_configured()->set_version("1");
    event.mutable_configured()->set_configuration(configuration);
    state.queue.push_back({std::move(event), std::nullopt, recorded_at});
  }
}

size_t FoldDriver::Append(const std::string& entity, Event event) {
  shards_[ShardOfEntity(entity)].queue.push_back({std::move(event), commands_, recorded_at});
  return commands_++;
}

void FoldDriver::AppendTogether(const std::string& entity, std::vector<Event> events) {
  uint32_t event_index = 0;
  for (Event& event : events) {
    shards_[ShardOfEntity(entity)].queue.push_back(
        {std::move(event), std::nullopt, recorded_at, event_index++});
  }
}

void FoldDriver::Foreign(const Event& event) {
  const std::string entity = fold_.Route(event);
  if (!entity.empty()) {
    shards_[ShardOfEntity(entity)].queue.push_back({event, std::nullopt, recorded_at});
  }
}

void FoldDriver::MoveTime(Time time) {
  for (ShardState& state : shards_) {
    ++state.offset;
    state.time = std::max(state.time, time);
  }
}

void FoldDriver::Tick(Time time) {
  Run();
  MoveTime(time);
  Run();
}

void FoldDriver::FireFirst(Shard shard) {
  ShardState& state = shards_[shard];
  const Timer timer = *state.timers.begin();
  state.timers.erase(state.timers.begin());
  state.stored.timers.erase(timer.id);
  state.digest.RemoveTimer(timer.id, timer.due);
  state.cells.Begin(state.digest);
  LoadAll(state,
          [&](const CellReader& cells, NeedSet& needs) { fold_.TimerNeeds(timer, cells, needs); });
  Context context(shard, ++state.offset, 0, state.time, state.time);
  fold_.FireTimer(timer, state.cells, context);
  Finish(shard, context, std::nullopt);
}

bool FoldDriver::Run() {
  bool done = false;
  while (Step()) done = true;
  return done;
}

bool FoldDriver::Step() {
  std::vector<Shard> ready;
  for (Shard shard = 0; shard < shards_.size(); ++shard) {
    if (!shards_[shard].queue.empty() || shards_[shard].has_due()) ready.push_back(shard);
  }
  if (ready.empty()) return false;
  const Shard shard = ready[turns_() % ready.size()];
  if (shards_[shard].has_due() && (shards_[shard].queue.empty() || turns_() % 2 == 0)) {
    FireFirst(shard);
    return true;
  }
  Queued queued = std::move(shards_[shard].queue.front());
  shards_[shard].queue.pop_front();
  FoldEvent(shard, std::move(queued));
  return true;
}

template <typename Needs>
void FoldDriver::LoadAll(ShardState& state, const Needs& needs) {
  if (turns_() % drop_one_in == 0) state.cells.Drop();
  state.cells.Begin(state.digest);
  for (;;) {
    NeedSet set;
    needs(state.cells, set);
    const std::vector<CellRead> missing = state.cells.Missing(set.reads());
    if (missing.empty()) return;
    for (const CellRead& read : missing) state.cells.Load(read, Find(state.stored, read));
  }
}

void FoldDriver::FoldEvent(Shard shard, Queued queued) {
  ShardState& state = shards_[shard];
  ++events_folded_;
  const Status prepared = epigrid::Run(fold_.Prepare({&queued.event})).Wait();
  EPIGRID_CHECK(prepared.ok(), prepared.ToString());
  LoadAll(state, [&](const CellReader& cells, NeedSet& needs) {
    fold_.Needs(queued.event, cells, needs);
  });
  if (queued.event_index == 0) ++state.offset;
  Context context(shard, state.offset, queued.event_index, state.time, queued.recorded_at);
  fold_.Apply(queued.event, state.cells, context);
  Finish(shard, context, queued.number);
}

void FoldDriver::Finish(Shard shard, Context& context, std::optional<size_t> number) {
  ShardState& state = shards_[shard];
  const std::vector<CellWrite> writes = state.cells.TakeWrites();
  EPIGRID_CHECK(writes.size() <= kWritesPerEventMax, "an event writes too many cells");
  for (const CellWrite& write : writes) Write(write, state.stored, state.timers);
  state.digest = state.cells.digest();
  ignored_.insert(ignored_.end(), context.ignored.begin(), context.ignored.end());
  if (number && context.answer) outcomes_[*number] = *std::move(context.answer);
  emissions_max_ = std::max(emissions_max_, context.emissions.size());
  for (Emission& emission : context.emissions) {
    if (emission.topic.empty()) {
      shards_[ShardOfEntity(emission.entity)].queue.push_back(
          {std::move(emission.event), std::nullopt, context.recorded_at});
    } else {
      published_.push_back(std::move(emission));
    }
  }
}

std::vector<Event> FoldDriver::published(std::string_view topic) const {
  std::vector<Event> found;
  for (const Emission& emission : published_) {
    if (emission.topic == topic) found.push_back(emission.event);
  }
  return found;
}

const Outcome* FoldDriver::outcome(size_t number) const {
  const auto at = outcomes_.find(number);
  return at == outcomes_.end() ? nullptr : &at->second;
}

Digest FoldDriver::Recounted(Shard shard) const {
  const Stored& stored = shards_[shard].stored;
  Digest digest;
  for (const auto& [key, value] : stored.strings) digest.AddCell(key, {}, value);
  for (const auto& [key, members] : stored.members) {
    for (const auto& [field, value] : members) digest.AddCell(key, field, value);
  }
  for (const auto& [key, members] : stored.indexes) {
    for (const std::string& member : members) digest.AddCell(key, member, {});
  }
  for (const auto& [id, due] : stored.timers) digest.AddTimer(id, due);
  return digest;
}

std::optional<std::string> FoldDriver::Get(std::string_view entity, const std::string& key) const {
  const auto& strings = stored_of(entity).strings;
  const auto found = strings.find(key);
  return found == strings.end() ? std::nullopt : std::optional(found->second);
}

std::map<std::string, std::string> FoldDriver::Members(std::string_view entity,
                                                       const std::string& key) const {
  const auto& members = stored_of(entity).members;
  const auto found = members.find(key);
  return found == members.end() ? std::map<std::string, std::string>() : found->second;
}

std::set<std::string> FoldDriver::Index(std::string_view entity, const std::string& key) const {
  const auto& indexes = stored_of(entity).indexes;
  const auto found = indexes.find(key);
  return found == indexes.end() ? std::set<std::string>() : found->second;
}

}  // namespace epigrid
