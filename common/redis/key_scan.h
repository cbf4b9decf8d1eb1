// ScanKeys: one look through all keys that match a pattern, on every server that has some, without
// holding anybody up.
//
//   std::function<Task<Status>(std::vector<std::string>)> take = ...;
//   Status scanned = co_await ScanKeys(redis, "epigrid:{health_code-*", deadline, take);
//
// `take` gets the names page by page and may be a coroutine; an error of it ends the look. A name
// may come twice, and one that is made or deleted meanwhile may come or not. `deadline` is that of
// each command. Errors, after which one looks again from the start: those of RedisKeyspace, and
// UNAVAILABLE REDIS_KEYS_MOVE if keys were moved to another server meanwhile, so that one may have
// been overlooked.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "common/redis/keyspace.h"

namespace epigrid {

using TakeKeys = std::function<Task<Status>(std::vector<std::string> keys)>;

Task<Status> ScanKeys(RedisKeyspace& redis, std::string pattern, Duration deadline, TakeKeys take);

}  // namespace epigrid
