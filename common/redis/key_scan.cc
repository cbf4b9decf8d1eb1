#include "common/redis/key_scan.h"

#include <utility>

namespace epigrid {
namespace {

constexpr size_t kCount = 1'000;  // keys that a server looks at for one page

Task<Status> ScanNode(RedisKeyspace& redis, std::string node, std::string pattern,
                      Duration deadline, const TakeKeys& take) {
  std::string cursor = "0";
  do {
    std::vector<std::string> command = {"SCAN",  std::move(cursor), "MATCH",
                                        pattern, "COUNT",           std::to_string(kCount)};
    Result<Reply> reply = co_await redis.CallNode(node, std::move(command), deadline);
    if (!reply.ok()) co_return reply.status();
    if (reply->elements.size() != 2) {
      co_return Unavailable("REDIS_SCAN_REFUSED", node + " refuses SCAN: " + reply->text);
    }
    std::vector<std::string> keys;
    keys.reserve(reply->elements[1].elements.size());
    for (Reply& key : reply->elements[1].elements) keys.push_back(std::move(key.text));
    EPIGRID_CO_RETURN_IF_ERROR(co_await take(std::move(keys)));
    cursor = std::move(reply->elements[0].text);
  } while (cursor != "0");
  co_return OkStatus();
}

}  // namespace

Task<Status> ScanKeys(RedisKeyspace& redis, std::string pattern, Duration deadline, TakeKeys take) {
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::string before, co_await redis.Placement());
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::vector<RedisNode> nodes, co_await redis.Nodes());
  for (const RedisNode& node : nodes) {
    if (!node.primary) continue;
    EPIGRID_CO_RETURN_IF_ERROR(co_await ScanNode(redis, node.name, pattern, deadline, take));
  }
  EPIGRID_CO_ASSIGN_OR_RETURN(const std::string after, co_await redis.Placement());
  if (after != before) {
    co_return Unavailable("REDIS_KEYS_MOVE", "keys were moved to another server meanwhile");
  }
  co_return OkStatus();
}

}  // namespace epigrid
