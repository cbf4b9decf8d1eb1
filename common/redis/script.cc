#include <openssl/evp.h>

#include <array>
#include <utility>

#include "common/base/hex.h"
#include "common/redis/client.h"

namespace epigrid {
namespace {

constexpr size_t kFirstKeyAt = 3;  // EVALSHA sha1 numkeys key

std::string Sha1Hex(std::string_view text) {
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  EPIGRID_CHECK(
      EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) == 1,
      "SHA-1 is part of every OpenSSL");
  return ToHex({reinterpret_cast<const char*>(digest.data()), size});
}

}  // namespace

RedisScript::RedisScript(std::string source)
    : source_(std::move(source)), sha1_(Sha1Hex(source_)) {}

RedisScript::Command RedisScript::MakeCommand(std::vector<std::string> keys,
                                              std::vector<std::string> arguments) const {
  EPIGRID_CHECK(!keys.empty(), "a script's server is found by a key");
  std::vector<std::string> command;
  command.reserve(3 + keys.size() + arguments.size());
  command.emplace_back("EVALSHA");
  command.push_back(sha1_);
  command.push_back(std::to_string(keys.size()));
  for (std::string& key : keys) command.push_back(std::move(key));
  for (std::string& argument : arguments) command.push_back(std::move(argument));
  return std::make_shared<const std::vector<std::string>>(std::move(command));
}

Task<Result<Reply>> RedisScript::Call(RedisKeyspace& redis, std::vector<std::string> keys,
                                      std::vector<std::string> arguments, Duration deadline) const {
  return Call(redis, MakeCommand(std::move(keys), std::move(arguments)), deadline);
}

Task<Result<Reply>> RedisScript::Call(RedisKeyspace& redis, Command command,
                                      Duration deadline) const {
  const auto started = std::chrono::steady_clock::now();
  Result<Reply> reply = co_await redis.CallShared(command, kFirstKeyAt, deadline);
  if (!reply.ok() || !reply->is_error() || !reply->text.starts_with("NOSCRIPT")) co_return reply;

  // EVAL runs the script and lets the server know it from now on.
  std::vector<std::string> whole = *command;
  whole[0] = "EVAL";
  whole[1] = source_;
  if (deadline == kUntilAnswered) {
    co_return co_await redis.Call(std::move(whole), kFirstKeyAt, deadline);
  }
  const auto elapsed =
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - started);
  co_return co_await redis.Call(std::move(whole), kFirstKeyAt, deadline - elapsed);
}

}  // namespace epigrid
