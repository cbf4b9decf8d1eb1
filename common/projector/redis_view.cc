#include "common/projector/redis_view.h"

#include <fmt/format.h>

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <set>
#include <unordered_set>
#include <utility>

#include "common/projector/view_scripts.h"
#include "common/redis/client.h"
#include "common/redis/key_scan.h"

namespace epigrid {
namespace {

constexpr Duration kQueryDeadline = std::chrono::seconds(2);
constexpr Duration kAskAgainMin = std::chrono::milliseconds(20);
constexpr Duration kAskAgainMax = std::chrono::seconds(1);
constexpr size_t kKeyAt = 1;  // of every command here that is no script
constexpr std::string_view kMarkPrefix = "mark:";

Status Unreachable(const Status& why) {
  return Unavailable("VIEW_UNAVAILABLE", "the view in Redis does not answer: " + why.message());
}

Status Refused(const Reply& reply) {
  return Unavailable("VIEW_UNAVAILABLE", "the view in Redis refused: " + reply.text);
}

// Error replies become Statuses.
Result<Reply> Checked(Result<Reply> reply) {
  if (!reply.ok()) return Unreachable(reply.status());
  if (reply->is_error()) return Refused(*reply);
  return reply;
}

template <typename Number>
Number ParseNumber(std::string_view text) {
  Number number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  EPIGRID_CHECK(error == std::errc() && end == text.data() + text.size(),
                "the view holds no number: " + std::string(text));
  return number;
}

Time ParseScore(const std::string& text) {
  return {static_cast<int64_t>(std::strtod(text.c_str(), nullptr))};
}

std::optional<Time> ParseNextDue(const Reply& timers) {
  if (timers.elements.size() < 2) return std::nullopt;
  return ParseScore(timers.elements[1].text);
}

Digest ParseDigest(std::string_view hex) {
  Digest digest;
  EPIGRID_CHECK(hex.size() == 32, "the view's digest has 32 digits");
  std::from_chars(hex.data(), hex.data() + 16, digest.high, 16);
  std::from_chars(hex.data() + 16, hex.data() + 32, digest.low, 16);
  return digest;
}

// "<offset> <number>": attempts and marks.
std::pair<uint64_t, uint32_t> ParsePair(std::string_view text) {
  const size_t space = text.find(' ');
  EPIGRID_CHECK(space != std::string_view::npos, "the view's mark has two numbers");
  return {ParseNumber<uint64_t>(text.substr(0, space)),
          ParseNumber<uint32_t>(text.substr(space + 1))};
}

ShardMeta ParseMeta(const Reply& fields) {
  ShardMeta meta;
  for (size_t i = 0; i + 1 < fields.elements.size(); i += 2) {
    const std::string& field = fields.elements[i].text;
    const std::string& value = fields.elements[i + 1].text;
    if (field == "fold") {
      meta.fold_version = ParseNumber<uint32_t>(value);
    } else if (field == "applied") {
      meta.applied = ParseNumber<Offset>(value);
    } else if (field == "time") {
      meta.shard_time = {ParseNumber<int64_t>(value)};
    } else if (field == "quiet") {
      meta.quiet = ParseNumber<Offset>(value);
    } else if (field == "digest") {
      meta.digest = ParseDigest(value);
    } else if (field == "attempt") {
      std::tie(meta.attempt_offset, meta.attempt_count) = ParsePair(value);
    } else if (field.starts_with(kMarkPrefix)) {
      const auto [offset, index] = ParsePair(value);
      meta.marks[field.substr(kMarkPrefix.size())] = {offset, index};
    }
  }
  return meta;
}

std::vector<Timer> ParseTimers(const Reply& reply) {
  std::vector<Timer> timers;
  for (size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
    timers.push_back({ParseScore(reply.elements[i + 1].text), reply.elements[i].text});
  }
  return timers;
}

}  // namespace

struct RedisView::State : std::enable_shared_from_this<RedisView::State> {
  State(RedisKeyspace& redis_client, ViewKeys view_keys, Scheduler* scheduler_or_null,
        OnWait when_waiting)
      : redis(redis_client),
        scheduler(scheduler_or_null),
        on_wait(std::move(when_waiting)),
        deadline(scheduler == nullptr ? kQueryDeadline : kUntilAnswered),
        keys(std::move(view_keys)) {}

  RedisKeyspace& redis;
  Scheduler* const scheduler;  // null: a call that fails is not made again
  const OnWait on_wait;
  const Duration deadline;  // of each try
  std::atomic<bool> closed{false};
  const ViewKeys keys;
  const RedisScript open{view_scripts::kOpen};
  const RedisScript create{view_scripts::kCreate};
  const RedisScript set_live{view_scripts::kSetLive};
  const RedisScript set_attempt{view_scripts::kSetAttempt};
  const RedisScript read{view_scripts::kRead};
  const RedisScript commit{view_scripts::kCommit};

  std::string Prefix(Shard shard, Generation generation) const {
    return keys.GenerationPrefix(shard, generation);
  }

  // Coroutines keep the state they run on.
  using Self = std::shared_ptr<State>;
  // Every call goes through one of these.
  static Task<Result<Reply>> Ask(Self self, std::vector<std::string> words);  // a verb and a key
  static Task<Result<Reply>> Ask(Self self, const RedisScript* script,
                                 std::vector<std::string> keys, std::vector<std::string> arguments);
  static Task<Result<Reply>> AskUntilAnswered(Self self, const RedisScript* script,
                                              RedisScript::Command command);
  // For a projector, after a call that failed: waits, longer each time, and says whether to make it
  // again.
  static Task<bool> PauseToAskAgain(Self self, Status why, Duration& pause);
  static Task<Result<std::optional<Generation>>> Live(Self self, Shard shard);
  static Task<Result<std::optional<Opened>>> Open(Self self, std::string prefix);
  static Task<Result<bool>> CallForBool(Self self, const RedisScript* script,
                                        std::vector<std::string> keys,
                                        std::vector<std::string> arguments);
  static Task<Result<Done>> CallForDone(Self self, const RedisScript* script,
                                        std::vector<std::string> keys,
                                        std::vector<std::string> arguments);
  static Task<Result<ViewRead>> Read(Self self, std::string prefix, std::vector<CellRead> reads);
  static Task<Result<Committed>> Commit(Self self, std::string prefix, Shard shard,
                                        GuardedBatch batch);
  // One look through the whole view; a projector's is begun anew until it came through.
  static Task<Status> Scan(Self self, TakeKeys take);
  static Task<Status> Unlink(Self self, const std::set<ShardGeneration>& generations,
                             std::vector<std::string> keys);
  static Task<Result<Done>> Drop(Self self, std::set<ShardGeneration> generations);
  static Task<Status> Keep(Self self,
                           std::map<ShardGeneration, std::unordered_set<std::string>>& found,
                           std::vector<std::string> keys);
  static Task<Result<Recounts>> RecountDigests(Self self, std::vector<ShardGeneration> generations);
  static Task<Result<Recount>> RecountDigest(Self self, std::unordered_set<std::string> keys);
};

RedisView::RedisView(RedisKeyspace& redis, ViewKeys keys)
    : state_(std::make_shared<State>(redis, std::move(keys), nullptr, nullptr)) {}
RedisView::RedisView(RedisKeyspace& redis, ViewKeys keys, Scheduler& scheduler, OnWait on_wait)
    : state_(std::make_shared<State>(redis, std::move(keys), &scheduler, std::move(on_wait))) {}
RedisView::~RedisView() { state_->closed = true; }

Future<Result<std::optional<Generation>>> RedisView::Live(Shard shard) {
  return Run(State::Live(state_, shard));
}

Future<Result<std::optional<View::Opened>>> RedisView::Open(Shard shard, Generation generation) {
  return Run(State::Open(state_, state_->Prefix(shard, generation)));
}

Future<Result<Done>> RedisView::Create(Shard shard, Generation generation, uint32_t fold_version) {
  return Run(State::CallForDone(state_, &state_->create,
                                {state_->Prefix(shard, generation) + "meta"},
                                {std::to_string(fold_version)}));
}

Future<Result<bool>> RedisView::SetLive(Shard shard, Generation generation, Offset applied) {
  return Run(
      State::CallForBool(state_, &state_->set_live,
                         {state_->Prefix(shard, generation) + "meta", state_->keys.Live(shard)},
                         {std::to_string(generation), std::to_string(applied)}));
}

Future<Result<Done>> RedisView::SetAttempt(Shard shard, Generation generation, Offset offset,
                                           uint32_t count) {
  return Run(State::CallForDone(state_, &state_->set_attempt,
                                {state_->Prefix(shard, generation) + "meta"},
                                {fmt::format("{} {}", offset, count)}));
}

Future<Result<ViewRead>> RedisView::Read(Shard shard, Generation generation,
                                         std::vector<CellRead> reads) {
  return Run(State::Read(state_, state_->Prefix(shard, generation), std::move(reads)));
}

Future<Result<Committed>> RedisView::Commit(Shard shard, GuardedBatch batch) {
  std::string prefix = state_->Prefix(shard, batch.generation);
  return Run(State::Commit(state_, std::move(prefix), shard, std::move(batch)));
}

Future<Result<Done>> RedisView::Drop(std::vector<ShardGeneration> generations) {
  return Run(State::Drop(state_, {generations.begin(), generations.end()}));
}

Future<Result<RedisView::Recounts>> RedisView::RecountDigests(
    std::vector<ShardGeneration> generations) {
  return Run(State::RecountDigests(state_, std::move(generations)));
}

Task<Result<Reply>> RedisView::State::Ask(Self self, std::vector<std::string> words) {
  auto command = std::make_shared<const std::vector<std::string>>(std::move(words));
  co_return co_await AskUntilAnswered(std::move(self), nullptr, std::move(command));
}

Task<Result<Reply>> RedisView::State::Ask(Self self, const RedisScript* script,
                                          std::vector<std::string> keys,
                                          std::vector<std::string> arguments) {
  RedisScript::Command command = script->MakeCommand(std::move(keys), std::move(arguments));
  co_return co_await AskUntilAnswered(std::move(self), script, std::move(command));
}

Task<Result<Reply>> RedisView::State::AskUntilAnswered(Self self, const RedisScript* script,
                                                       RedisScript::Command command) {
  const auto give_up = std::chrono::steady_clock::now() + kQueryDeadline;
  Duration deadline = self->deadline;
  for (Duration pause = kAskAgainMin;;) {
    Result<Reply> reply = script == nullptr
                              ? co_await self->redis.CallShared(command, kKeyAt, deadline)
                              : co_await script->Call(self->redis, command, deadline);
    const bool slot_moves = reply.ok() && reply->is_error() && reply->text.starts_with("TRYAGAIN");
    reply = Checked(std::move(reply));
    if (reply.ok()) co_return reply;
    if (self->scheduler != nullptr) {
      if (!co_await PauseToAskAgain(self, reply.status(), pause)) co_return reply;
      continue;
    }
    deadline = std::chrono::duration_cast<Duration>(give_up - std::chrono::steady_clock::now());
    if (!slot_moves || deadline <= pause || self->closed) co_return reply;
    co_await self->redis.loop().Sleep(pause);
    if (self->closed) co_return reply;
  }
}

Task<bool> RedisView::State::PauseToAskAgain(Self self, Status why, Duration& pause) {
  // What is closed must not be asked again: its client may be gone.
  if (self->scheduler == nullptr || self->closed) co_return false;
  if (self->on_wait) self->on_wait(why);
  co_await self->scheduler->Sleep(pause);
  pause = std::min(2 * pause, kAskAgainMax);
  co_return !self->closed;
}

Task<Result<std::optional<Generation>>> RedisView::State::Live(Self self, Shard shard) {
  std::vector<std::string> command = {"GET", self->keys.Live(shard)};
  Result<Reply> reply = co_await Ask(self, std::move(command));
  if (!reply.ok()) co_return reply.status();
  if (reply->is_nil()) co_return std::optional<Generation>();
  co_return std::optional<Generation>(ParseNumber<Generation>(reply->text));
}

Task<Result<std::optional<View::Opened>>> RedisView::State::Open(Self self, std::string prefix) {
  std::vector<std::string> keys = {prefix + "meta", prefix + "timers"};
  Result<Reply> reply = co_await Ask(self, &self->open, std::move(keys), {});
  if (!reply.ok()) co_return reply.status();
  const Reply& fields = reply->elements[0];
  if (fields.elements.empty()) co_return std::optional<Opened>();
  co_return std::optional<Opened>({ParseMeta(fields), ParseNextDue(reply->elements[1])});
}

Task<Result<bool>> RedisView::State::CallForBool(Self self, const RedisScript* script,
                                                 std::vector<std::string> keys,
                                                 std::vector<std::string> arguments) {
  Result<Reply> reply = co_await Ask(self, script, std::move(keys), std::move(arguments));
  if (!reply.ok()) co_return reply.status();
  co_return reply->integer == 1;
}

Task<Result<Done>> RedisView::State::CallForDone(Self self, const RedisScript* script,
                                                 std::vector<std::string> keys,
                                                 std::vector<std::string> arguments) {
  Result<bool> done = co_await CallForBool(self, script, std::move(keys), std::move(arguments));
  if (!done.ok()) co_return done.status();
  co_return Done{};
}

Task<Result<ViewRead>> RedisView::State::Read(Self self, std::string prefix,
                                              std::vector<CellRead> reads) {
  std::vector<std::string> keys = {prefix + "meta", prefix + "timers"};
  std::vector<std::string> other_keys, fields;
  keys.reserve(reads.size() + 2);
  std::string until;
  for (const CellRead& read : reads) {
    if (read.kind == CellRead::Kind::kString) {
      keys.push_back(prefix + read.key);
    } else if (read.kind == CellRead::Kind::kTimers) {
      EPIGRID_CHECK(until.empty(), "timers are read once");
      until = std::to_string(read.until.micros);
    } else {
      other_keys.push_back(prefix + read.key);
      fields.push_back(read.field);
    }
  }
  std::vector<std::string> arguments = {std::to_string(keys.size() - 2), std::move(until)};
  std::move(other_keys.begin(), other_keys.end(), std::back_inserter(keys));
  std::move(fields.begin(), fields.end(), std::back_inserter(arguments));
  Result<Reply> reply = co_await Ask(self, &self->read, std::move(keys), std::move(arguments));
  if (!reply.ok()) co_return reply.status();

  ViewRead read;
  // A generation that is gone has applied nothing, and what was read of it is nothing either.
  if (!reply->elements[0].is_nil()) read.applied = ParseNumber<Offset>(reply->elements[0].text);
  read.found.resize(reads.size());
  size_t string = 0, other = 0;
  for (size_t i = 0; i < reads.size(); ++i) {
    CellFound& found = read.found[i];
    if (reads[i].kind == CellRead::Kind::kTimers) {
      found.timers = ParseTimers(reply->elements[3]);
      continue;
    }
    const bool is_string = reads[i].kind == CellRead::Kind::kString;
    Reply& cell =
        is_string ? reply->elements[1].elements[string++] : reply->elements[2].elements[other++];
    if (reads[i].kind == CellRead::Kind::kMembers) {
      for (size_t field = 0; field + 1 < cell.elements.size(); field += 2) {
        found.members.emplace(std::move(cell.elements[field].text),
                              std::move(cell.elements[field + 1].text));
      }
    } else if (!cell.is_nil()) {
      found.value = std::move(cell.text);
    }
  }
  co_return read;
}

namespace {

// The arguments of HSET on a generation's meta: the offset last.
std::vector<std::string> MetaFields(const GuardedBatch& batch) {
  std::vector<std::string> fields = {"time",   std::to_string(batch.shard_time.micros),
                                     "quiet",  std::to_string(batch.quiet),
                                     "digest", batch.digest.ToHex()};
  for (const auto& [key, mark] : batch.marks) {
    fields.push_back(std::string(kMarkPrefix) + key);
    fields.push_back(fmt::format("{} {}", mark.offset, mark.index));
  }
  fields.push_back("applied");
  fields.push_back(std::to_string(batch.next));
  return fields;
}

// A write other than SET: its key, if it has one of its own, and its arguments.
void AddWrite(CellWrite& write, const std::string& prefix, std::vector<std::string>& keys,
              std::vector<std::string>& arguments) {
  using Kind = CellWrite::Kind;
  auto add = [&](const char* op, bool own_key) {
    arguments.emplace_back(op);
    if (own_key) keys.push_back(prefix + write.key);
    if (write.kind != Kind::kDelete) arguments.push_back(std::move(write.field));
  };
  switch (write.kind) {
    case Kind::kSet: EPIGRID_CHECK(false, "SETs go another way"); break;
    case Kind::kDelete: add("D", true); break;
    case Kind::kSetMember:
      add("H", true);
      arguments.push_back(std::move(write.value));
      break;
    case Kind::kDeleteMember: add("h", true); break;
    case Kind::kAddToIndex: add("A", true); break;
    case Kind::kRemoveFromIndex: add("R", true); break;
    case Kind::kSetTimer:
      add("T", false);
      arguments.push_back(std::to_string(write.due.micros));
      break;
    case Kind::kDeleteTimer: add("t", false); break;
  }
}

}  // namespace

Task<Result<Committed>> RedisView::State::Commit(Self self, std::string prefix, Shard shard,
                                                 GuardedBatch batch) {
  std::vector<std::string> meta_fields = MetaFields(batch);
  std::vector<std::string> keys = {prefix + "meta", prefix + "timers"};
  std::vector<std::string> arguments = {
      std::to_string(batch.prev), std::to_string(batch.fold_version), self->keys.applied_channel(),
      fmt::format("{} {}", shard, batch.next), std::to_string(meta_fields.size())};
  keys.reserve(keys.size() + batch.writes.size());
  arguments.reserve(arguments.size() + meta_fields.size() + 1 + 3 * batch.writes.size());
  std::move(meta_fields.begin(), meta_fields.end(), std::back_inserter(arguments));
  const size_t count_at = arguments.size();
  arguments.emplace_back();
  // Strings are written together, before the others: no key is both.
  for (CellWrite& write : batch.writes) {
    if (write.kind != CellWrite::Kind::kSet) continue;
    keys.push_back(prefix + write.key);
    arguments.push_back(std::move(write.value));
  }
  arguments[count_at] = std::to_string(keys.size() - 2);
  for (CellWrite& write : batch.writes) {
    if (write.kind != CellWrite::Kind::kSet) AddWrite(write, prefix, keys, arguments);
  }
  Result<Reply> reply = co_await Ask(self, &self->commit, std::move(keys), std::move(arguments));
  if (!reply.ok()) co_return reply.status();
  if (reply->type == Reply::Type::kInteger) co_return Committed{};
  co_return Committed{true, ParseNextDue(*reply)};
}

Task<Status> RedisView::State::Scan(Self self, TakeKeys take) {
  for (Duration pause = kAskAgainMin;;) {
    const Status scanned =
        co_await ScanKeys(self->redis, self->keys.Pattern(), self->deadline, take);
    if (scanned.ok()) co_return scanned;
    const Status why = Unreachable(scanned);
    if (!co_await PauseToAskAgain(self, why, pause)) co_return why;
  }
}

Task<Status> RedisView::State::Unlink(Self self, const std::set<ShardGeneration>& generations,
                                      std::vector<std::string> keys) {
  std::map<ShardGeneration, std::vector<std::string>> commands;
  for (std::string& key : keys) {
    const auto named = self->keys.Parse(key);
    if (!named.has_value() || !generations.contains(named->of)) continue;
    std::vector<std::string>& command = commands[named->of];
    if (command.empty()) command.emplace_back("UNLINK");
    command.push_back(std::move(key));
  }
  std::vector<Future<Result<Reply>>> unlinks;
  for (auto& [of, command] : commands) unlinks.push_back(Run(Ask(self, std::move(command))));
  for (auto& unlink : unlinks) {
    const Result<Reply> reply = co_await unlink;
    if (!reply.ok()) co_return reply.status();
  }
  co_return OkStatus();
}

Task<Result<Done>> RedisView::State::Drop(Self self, std::set<ShardGeneration> generations) {
  EPIGRID_CO_RETURN_IF_ERROR(
      co_await Scan(self, [self, &generations](std::vector<std::string> keys) {
        return Unlink(self, generations, std::move(keys));
      }));
  co_return Done{};
}

Task<Status> RedisView::State::Keep(
    Self self, std::map<ShardGeneration, std::unordered_set<std::string>>& found,
    std::vector<std::string> keys) {
  for (std::string& key : keys) {
    const auto named = self->keys.Parse(key);
    if (!named.has_value()) continue;
    const auto wanted = found.find(named->of);
    if (wanted != found.end()) wanted->second.insert(std::move(key));
  }
  co_return OkStatus();
}

Task<Result<RedisView::Recounts>> RedisView::State::RecountDigests(
    Self self, std::vector<ShardGeneration> generations) {
  // A scan may name a key twice.
  std::map<ShardGeneration, std::unordered_set<std::string>> found;
  for (const ShardGeneration& of : generations) found[of] = {};
  const auto take = [&self, &found](std::vector<std::string> keys) -> Task<Status> {
    return Keep(self, found, std::move(keys));
  };
  EPIGRID_CO_RETURN_IF_ERROR(co_await Scan(self, take));
  Recounts recounts;
  for (auto& [of, keys] : found) {
    EPIGRID_CO_ASSIGN_OR_RETURN(recounts[of], co_await RecountDigest(self, std::move(keys)));
  }
  co_return recounts;
}

Task<Result<RedisView::Recount>> RedisView::State::RecountDigest(
    Self self, std::unordered_set<std::string> keys) {
  Recount recount;
  for (const std::string& key : keys) {
    const std::string_view cell = self->keys.Parse(key)->cell;
    if (cell == "meta") continue;
    std::vector<std::string> command = {"TYPE", key};
    Result<Reply> type = co_await Ask(self, std::move(command));
    if (!type.ok()) co_return type.status();
    if (type->text == "string") {
      command = {"GET", key};
    } else if (type->text == "hash") {
      command = {"HGETALL", key};
    } else if (type->text == "zset") {
      command = {"ZRANGE", key, "0", "-1", "WITHSCORES"};
    } else {
      continue;  // deleted meanwhile
    }
    Result<Reply> reply = co_await Ask(self, std::move(command));
    if (!reply.ok()) co_return reply.status();
    if (type->text == "string") {
      if (reply->is_nil()) continue;
      recount.digest.AddCell(cell, {}, reply->text);
      ++recount.cells;
    }
    for (size_t i = 0; i + 1 < reply->elements.size(); i += 2, ++recount.cells) {
      const std::string& field = reply->elements[i].text;
      const std::string& value = reply->elements[i + 1].text;
      if (cell == "timers") {
        recount.digest.AddTimer(field, ParseScore(value));
      } else {
        recount.digest.AddCell(cell, field, type->text == "hash" ? value : std::string());
      }
    }
  }
  co_return recount;
}

}  // namespace epigrid
