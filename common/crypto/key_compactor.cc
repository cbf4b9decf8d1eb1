#include "common/crypto/key_compactor.h"

namespace epigrid {
namespace {

constexpr Duration kPollInterval = std::chrono::milliseconds(100);

bool Says(const std::string& info, std::string_view line) {
  return info.find(std::string("\r\n") + std::string(line) + "\r\n") != std::string::npos;
}

}  // namespace

KeyCompactor::KeyCompactor(RedisClient& redis, Scheduler& scheduler, KeyCompactorOptions options)
    : redis_(redis),
      scheduler_(scheduler),
      options_(std::move(options)),
      counters_("{" + options_.name + "}compaction") {
  EPIGRID_CHECK(options_.on_failure != nullptr, "somebody must be told of failures");
}

Task<void> KeyCompactor::Run() {
  while (true) {
    co_await scheduler_.Sleep(options_.interval);
    Result<bool> compacted = co_await Compact();
    if (!compacted.ok()) options_.on_failure(compacted.status());
  }
}

Task<Result<Reply>> KeyCompactor::Call(std::vector<std::string> command) {
  Result<Reply> reply = co_await redis_.Call(std::move(command), options_.deadline);
  if (!reply.ok()) co_return Unavailable("KEY_STORE_UNAVAILABLE", reply.status().message());
  co_return reply;
}

Task<Result<std::optional<std::string>>> KeyCompactor::Owed() {
  EPIGRID_CO_ASSIGN_OR_RETURN(Reply reply, co_await Call({"HMGET", counters_, "wanted", "done"}));
  if (reply.elements.size() != 2) co_return Unavailable("KEY_STORE_UNAVAILABLE", reply.text);
  const std::string& wanted = reply.elements[0].text;
  if (wanted == reply.elements[1].text) co_return std::optional<std::string>();
  co_return std::optional<std::string>(wanted);
}

Task<Result<KeyCompactor::Progress>> KeyCompactor::ReadProgress() {
  EPIGRID_CO_ASSIGN_OR_RETURN(Reply info, co_await Call({"INFO", "persistence"}));
  if (info.is_error()) co_return Unavailable("KEY_STORE_UNAVAILABLE", info.text);
  Progress progress;
  progress.enabled = Says(info.text, "aof_enabled:1");
  progress.busy =
      Says(info.text, "aof_rewrite_in_progress:1") || Says(info.text, "aof_rewrite_scheduled:1");
  progress.succeeded = Says(info.text, "aof_last_bgrewrite_status:ok");
  co_return progress;
}

Task<Result<KeyCompactor::Progress>> KeyCompactor::WaitUntilIdle() {
  while (true) {
    EPIGRID_CO_ASSIGN_OR_RETURN(Progress progress, co_await ReadProgress());
    if (!progress.busy) co_return progress;
    co_await scheduler_.Sleep(kPollInterval);
  }
}

Task<Result<bool>> KeyCompactor::Compact() {
  // A rewriting that began before the erasure may still write the key: it must be over first.
  EPIGRID_CO_ASSIGN_OR_RETURN(Progress before, co_await WaitUntilIdle());
  EPIGRID_CO_ASSIGN_OR_RETURN(std::optional<std::string> owed, co_await Owed());
  if (!owed) co_return false;
  if (before.enabled) {
    EPIGRID_CO_ASSIGN_OR_RETURN(Reply begun, co_await Call({"BGREWRITEAOF"}));
    if (begun.is_error()) co_return Unavailable("KEY_COMPACTION_FAILED", begun.text);
    EPIGRID_CO_ASSIGN_OR_RETURN(Progress after, co_await WaitUntilIdle());
    if (!after.succeeded) {
      co_return Unavailable(
          "KEY_COMPACTION_FAILED",
          "Redis could not rewrite its append-only file: erased keys are still on its disk");
    }
  }
  // Without an append-only file there is nothing on disk to be cleaned.
  EPIGRID_CO_ASSIGN_OR_RETURN(Reply noted, co_await Call({"HSET", counters_, "done", *owed}));
  if (noted.is_error()) co_return Unavailable("KEY_STORE_UNAVAILABLE", noted.text);
  co_return true;
}

}  // namespace epigrid
