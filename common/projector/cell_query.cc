#include "common/projector/cell_query.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <utility>

namespace epigrid {
namespace {

constexpr size_t kKeyAt = 1;  // of every command here
// A generation is replaced by an operator's rebuild: twice within one query is out of the ordinary.
constexpr int kGenerationTriesMax = 3;

Status Unreachable() {
  return Unavailable("VIEW_UNAVAILABLE", "the view cannot be read now: try again");
}

Result<Reply> Checked(Result<Reply> reply) {
  if (!reply.ok() || reply->is_error()) return Unreachable();
  return reply;
}

// Nothing was found, or of several cells one was not.
bool LacksSomething(const Reply& reply) {
  if (reply.type == Reply::Type::kArray) {
    return reply.elements.empty() || std::any_of(reply.elements.begin(), reply.elements.end(),
                                                 [](const Reply& e) { return e.is_nil(); });
  }
  return reply.is_nil() || (reply.type == Reply::Type::kInteger && reply.integer == 0);
}

}  // namespace

CellQuery::CellQuery(RedisKeyspace& redis, const ShardTable& shards, Duration deadline)
    : redis_(redis),
      shards_(shards),
      deadline_(deadline),
      gatherer_(std::make_unique<CellGatherer>(redis.loop(), shards.shard_count(),
                                               [this](Shard shard, std::vector<std::string> cells) {
                                                 return Call(shard, "MGET", std::move(cells), {});
                                               })) {}

Task<Result<Generation>> CellQuery::LiveNow(Shard shard) const {
  std::vector<std::string> command = {"GET", shards_.keys().Live(shard)};
  const Result<Reply> reply = Checked(co_await redis_.Call(std::move(command), kKeyAt, deadline_));
  if (!reply.ok()) co_return reply.status();
  if (reply->is_nil()) {
    co_return Unavailable("VIEW_REBUILDING", "the view is being built from the log: try again")
        .With("retry_after_ms", "500");
  }
  Generation generation = 0;
  const char* end = reply->text.data() + reply->text.size();
  const auto parsed = std::from_chars(reply->text.data(), end, generation);
  EPIGRID_CHECK(parsed.ec == std::errc() && parsed.ptr == end, "the live cell holds a number");
  co_return generation;
}

Future<Result<Reply>> CellQuery::CallOnce(Shard shard, Generation generation,
                                          const std::string& command,
                                          std::span<const std::string> cells,
                                          std::span<const std::string> arguments) const {
  std::vector<std::string> line;
  line.reserve(1 + cells.size() + arguments.size());
  line.push_back(command);
  for (const std::string& cell : cells) {
    line.push_back(shards_.keys().Cell(shard, generation, cell));
  }
  line.insert(line.end(), arguments.begin(), arguments.end());
  return redis_.Call(std::move(line), kKeyAt, deadline_);
}

Task<Result<Reply>> CellQuery::GetEach(Shard shard, Generation generation,
                                       const std::vector<std::string>& cells) const {
  std::vector<Future<Result<Reply>>> answers;
  answers.reserve(cells.size());
  for (const std::string& cell : cells) {
    answers.push_back(CallOnce(shard, generation, "GET", {&cell, 1}, {}));
  }
  Reply all{.type = Reply::Type::kArray};
  for (Future<Result<Reply>>& answer : answers) {
    Result<Reply> one = co_await answer;
    if (!one.ok() || one->is_error()) co_return one;
    all.elements.push_back(std::move(one).value());
  }
  co_return all;
}

Task<Result<Reply>> CellQuery::Call(Shard shard, std::string command,
                                    std::vector<std::string> cells,
                                    std::vector<std::string> arguments) const {
  const Result<Generation> sampled = shards_.Live(shard);
  if (!sampled.ok()) co_return sampled.status();
  Generation generation = *sampled;
  for (int tries = 0; tries < kGenerationTriesMax; ++tries) {
    Result<Reply> reply = co_await CallOnce(shard, generation, command, cells, arguments);
    if (cells.size() > 1 && reply.ok() && reply->is_error() &&
        reply->text.starts_with("TRYAGAIN")) {
      reply = co_await GetEach(shard, generation, cells);
    }
    reply = Checked(std::move(reply));
    if (!reply.ok() || !LacksSomething(*reply)) co_return reply;
    // What is not there is believed only of the generation that queries read now; another one is
    // asked instead.
    const Result<Generation> live = co_await LiveNow(shard);
    if (!live.ok()) co_return live.status();
    if (*live == generation) co_return reply;
    generation = *live;
  }
  co_return Unavailable("VIEW_REBUILDING", "the view is replaced again and again: try again")
      .With("retry_after_ms", "100");
}

Task<Result<std::optional<std::string>>> CellQuery::Get(std::string entity,
                                                        std::string cell) const {
  return GetOfShard(shards_.ShardOf(entity), std::move(cell));
}

Task<Result<std::optional<std::string>>> CellQuery::GetOfShard(Shard shard,
                                                               std::string cell) const {
  Result<Reply> reply = co_await Call(shard, "GET", {std::move(cell)}, {});
  if (!reply.ok()) co_return reply.status();
  if (reply->is_nil()) co_return std::optional<std::string>();
  co_return std::optional<std::string>(std::move(reply->text));
}

Task<std::vector<Result<std::optional<std::string>>>> CellQuery::GetMany(
    std::vector<CellAddress> addresses) const {
  std::vector<CellGatherer::Address> wanted;
  wanted.reserve(addresses.size());
  for (CellAddress& address : addresses) {
    wanted.push_back({shards_.ShardOf(address.entity), std::move(address.cell)});
  }
  return gatherer_->Read(std::move(wanted));
}

Task<Result<std::optional<std::string>>> CellQuery::GetMember(std::string entity, std::string cell,
                                                              std::string field) const {
  std::vector<std::string> arguments = {std::move(field)};
  Result<Reply> reply =
      co_await Call(shards_.ShardOf(entity), "HGET", {std::move(cell)}, std::move(arguments));
  if (!reply.ok()) co_return reply.status();
  if (reply->is_nil()) co_return std::optional<std::string>();
  co_return std::optional<std::string>(std::move(reply->text));
}

Task<Result<std::map<std::string, std::string>>> CellQuery::GetMembers(std::string entity,
                                                                       std::string cell) const {
  Result<Reply> reply = co_await Call(shards_.ShardOf(entity), "HGETALL", {std::move(cell)}, {});
  if (!reply.ok()) co_return reply.status();
  std::map<std::string, std::string> members;
  for (size_t i = 0; i + 1 < reply->elements.size(); i += 2) {
    members.emplace(std::move(reply->elements[i].text), std::move(reply->elements[i + 1].text));
  }
  co_return members;
}

Task<Result<std::vector<std::string>>> CellQuery::PageIndex(std::string entity, std::string cell,
                                                            std::string after, size_t limit) const {
  co_return co_await PageShardIndex(shards_.ShardOf(entity), std::move(cell), std::move(after),
                                    limit);
}

Task<Result<std::vector<std::string>>> CellQuery::PageShardIndex(Shard shard, std::string cell,
                                                                 std::string after,
                                                                 size_t limit) const {
  std::vector<std::string> arguments = {after.empty() ? "-" : "(" + after, "+", "LIMIT", "0",
                                        std::to_string(limit)};
  Result<Reply> reply =
      co_await Call(shard, "ZRANGEBYLEX", {std::move(cell)}, std::move(arguments));
  if (!reply.ok()) co_return reply.status();
  std::vector<std::string> members;
  for (Reply& member : reply->elements) members.push_back(std::move(member.text));
  co_return members;
}

Task<Result<uint64_t>> CellQuery::CountIndex(std::string entity, std::string cell) const {
  co_return co_await CountShardIndex(shards_.ShardOf(entity), std::move(cell));
}

Task<Result<uint64_t>> CellQuery::CountShardIndex(Shard shard, std::string cell) const {
  Result<Reply> reply = co_await Call(shard, "ZCARD", {std::move(cell)}, {});
  if (!reply.ok()) co_return reply.status();
  co_return static_cast<uint64_t>(reply->integer);
}

Task<Result<std::vector<Timer>>> CellQuery::DueTimers(Shard shard, Time until, size_t limit) const {
  std::vector<std::string> arguments = {"-inf", std::to_string(until.micros), "WITHSCORES", "LIMIT",
                                        "0",    std::to_string(limit)};
  Result<Reply> reply = co_await Call(shard, "ZRANGEBYSCORE", {"timers"}, std::move(arguments));
  if (!reply.ok()) co_return reply.status();
  std::vector<Timer> timers;
  for (size_t i = 0; i + 1 < reply->elements.size(); i += 2) {
    const double due = std::strtod(reply->elements[i + 1].text.c_str(), nullptr);
    timers.push_back({{static_cast<int64_t>(due)}, std::move(reply->elements[i].text)});
  }
  co_return timers;
}

}  // namespace epigrid
