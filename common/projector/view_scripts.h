// The scripts that read and write a view in Redis. Keys are declared; KEYS[1] is always a
// generation's meta hash and KEYS[2] its timers. Numbers travel as text: Lua's have 53 bits.
#pragma once

namespace epigrid::view_scripts {

// KEYS: meta, timers. Answers all of meta, and the earliest timer's due time or an empty list.
inline constexpr char kOpen[] = R"(
return {redis.call('HGETALL', KEYS[1]), redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')}
)";

// KEYS: meta. ARGV: fold version.
inline constexpr char kCreate[] = R"(
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'fold', ARGV[1], 'applied', '0', 'time', '0', 'quiet', '0')
end
return 1
)";

// KEYS: meta, live. ARGV: generation, applied.
inline constexpr char kSetLive[] = R"(
if redis.call('HGET', KEYS[1], 'applied') ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[2], ARGV[1])
return 1
)";

// KEYS: meta. ARGV: attempt. A generation that is not there stays so.
inline constexpr char kSetAttempt[] = R"(
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('HSET', KEYS[1], 'attempt', ARGV[1]) end
return 1
)";

// KEYS: meta, timers, then one for each read of a cell: first the strings, then the others. ARGV:
// number of strings, until (empty: no timers), then for each other read a field, or '' for the
// whole hash. Answers: applied, the strings, the others, the timers.
inline constexpr char kRead[] = R"(
local strings, others = {}, {}
local count = tonumber(ARGV[1])
for first = 1, count, 4000 do
  local last = math.min(first + 3999, count)
  local values = redis.call('MGET', unpack(KEYS, first + 2, last + 2))
  for i = 1, #values do strings[first + i - 1] = values[i] end
end
for i = 1, #ARGV - 2 do
  local field = ARGV[i + 2]
  if field == '' then
    others[i] = redis.call('HGETALL', KEYS[count + i + 2])
  else
    others[i] = redis.call('HGET', KEYS[count + i + 2], field)
  end
end
local timers = {}
if ARGV[2] ~= '' then
  timers = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[2], 'WITHSCORES', 'LIMIT', 0, 128)
end
return {redis.call('HGET', KEYS[1], 'applied'), strings, others, timers}
)";

// KEYS: meta, timers, then one for each SET and one for each other write of a cell.
// ARGV: prev, fold version, channel, message, number of arguments of HSET on meta, these (time,
// quiet, digest first, applied last), number of SETs, their values, then the other writes: H field
// value, h field, D, A member, R member (each takes the next key), and T id due, t id.
//
// Answers 0 if refused, else the earliest timer's due time or an empty list. A batch that was
// applied before (the same next and digest) changes nothing.
inline constexpr char kCommit[] = R"(
local found = redis.call('HMGET', KEYS[1], 'applied', 'fold', 'digest')
if found[2] ~= ARGV[2] then return 0 end
if found[1] ~= ARGV[1] then
  if found[1] ~= ARGV[5 + tonumber(ARGV[5])] or found[3] ~= ARGV[11] then return 0 end
  return redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
end
local at = 6 + tonumber(ARGV[5])
local sets = tonumber(ARGV[at])
at = at + 1
for first = 1, sets, 1000 do
  local last = math.min(first + 999, sets)
  local pairs_of = {}
  for i = first, last do
    pairs_of[#pairs_of + 1] = KEYS[i + 2]
    pairs_of[#pairs_of + 1] = ARGV[at + i - 1]
  end
  redis.call('MSET', unpack(pairs_of))
end
at = at + sets
local key = sets + 3
while ARGV[at] do
  local op = ARGV[at]
  if op == 'T' then
    redis.call('ZADD', KEYS[2], ARGV[at + 2], ARGV[at + 1])
    at = at + 3
  elseif op == 't' then
    redis.call('ZREM', KEYS[2], ARGV[at + 1])
    at = at + 2
  else
    if op == 'H' then
      redis.call('HSET', KEYS[key], ARGV[at + 1], ARGV[at + 2])
      at = at + 3
    elseif op == 'h' then
      redis.call('HDEL', KEYS[key], ARGV[at + 1])
      at = at + 2
    elseif op == 'A' then
      redis.call('ZADD', KEYS[key], 0, ARGV[at + 1])
      at = at + 2
    elseif op == 'R' then
      redis.call('ZREM', KEYS[key], ARGV[at + 1])
      at = at + 2
    else
      redis.call('DEL', KEYS[key])
      at = at + 1
    end
    key = key + 1
  end
end
redis.call('HSET', KEYS[1], unpack(ARGV, 6, 5 + tonumber(ARGV[5])))
redis.call('PUBLISH', ARGV[3], ARGV[4])
return redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
)";

}  // namespace epigrid::view_scripts
