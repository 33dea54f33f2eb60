#include "server/redis/scripts.h"

#include <string>
#include <string_view>

namespace capsem::redis {
namespace {

// As limit::SlidingWindow and limit::MemoryStore do it; a test plays both against each other.
constexpr std::string_view kCommon = R"(
local MOST = 9007199254740991
local ENTRIES = 1024
local HELD_MS = 21600000
local function whole(x) return string.format('%.0f', x) end
local function time_now(given)
  if given ~= '0' then return tonumber(given) end
  local t = redis.call('TIME')
  return t[1] * 1000000 + t[2]
end
local function entry(text)
  local colon = string.find(text, ':', 1, true)
  return tonumber(string.sub(text, 1, colon - 1)), tonumber(string.sub(text, colon + 1))
end
local function load(c)
  local v = redis.call('HMGET', c, 's', 'h', 'n')
  return tonumber(v[1] or 0), tonumber(v[2] or 0), tonumber(v[3] or 0)
end
local function save(c, w, s, h, n, window)
  redis.call('HSET', c, 's', whole(s), 'h', whole(h), 'n', whole(n))
  local ms = math.ceil(window / 1000) + 60000
  if n > 0 and ms < HELD_MS then ms = HELD_MS end
  redis.call('PEXPIRE', c, whole(ms))
  redis.call('PEXPIRE', w, whole(ms))
end
-- What has left the window goes. Returns the sum, and when the oldest entry leaves.
local function expire(c, w, s, window, now)
  if window == 0 then return 0, nil end
  local left, leaves = s, nil
  while true do
    local first = redis.call('LINDEX', w, 0)
    if not first then
      left = 0
      break
    end
    local at, amount = entry(first)
    if at + window > now then
      leaves = at + window
      break
    end
    redis.call('LPOP', w)
    left = math.max(left - amount, 0)
  end
  if left ~= s then redis.call('HSET', c, 's', whole(left)) end
  return left, leaves
end
local function add(w, s, amount, now, max, window)
  amount = math.min(amount, MOST - s)
  if amount == 0 then return s end
  local last = redis.call('LINDEX', w, -1)
  if last then
    local at, before = entry(last)
    if at > now then now = at end
    local quantum = math.ceil(window / (ENTRIES - 1))
    local same = now - at < quantum and math.floor(at / quantum) == math.floor(now / quantum)
    if at == now or redis.call('LLEN', w) >= ENTRIES or (max > ENTRIES and same) then
      redis.call('LSET', w, -1, whole(now) .. ':' .. whole(before + amount))
      return s + amount
    end
  end
  redis.call('RPUSH', w, whole(now) .. ':' .. whole(amount))
  return s + amount
end
-- When no more than `target` is left.
local function falls_to(w, s, target, window)
  local at, amount = 0, 0
  for _, text in ipairs(redis.call('LRANGE', w, 0, -1)) do
    at, amount = entry(text)
    s = s - amount
    if s <= target then break end
  end
  return at + window
end
local function reset_of(leaves, h, window, now)
  if leaves then return leaves - now end
  if h > 0 then return window end
  return 0
end
local function oldest(w, window)
  local first = redis.call('LINDEX', w, 0)
  if not first then return nil end
  local at = entry(first)
  return at + window
end
-- One holder less, of `amount`.
local function drop(c, amount)
  if redis.call('EXISTS', c) == 0 then return end
  local s, h, n = load(c)
  redis.call('HSET', c, 'h', whole(h - math.min(h, amount)), 'n', whole(math.max(n - 1, 0)))
end
local function tell(reply, s, h, reset, refused, retry)
  reply[#reply + 1] = whole(s + h)
  reply[#reply + 1] = whole(reset)
  reply[#reply + 1] = refused and 1 or 0
  reply[#reply + 1] = whole(retry)
end
)";

// KEYS: the loop's own hash, then counter and list per charge.
// ARGV: time, not after, holding; per charge: kind (0 window, 1 concurrent, 2 reserved), amount,
// max, window. Answers: 0 taken, 1 refused, 3 too late; the time; per charge used, reset, refused,
// retry.
constexpr std::string_view kTake = R"(
local now = time_now(ARGV[1])
if ARGV[1] == '0' and now > tonumber(ARGV[2]) then return {3, whole(now)} end
local count = (#KEYS - 1) / 2
local sums, helds, holders, leaves = {}, {}, {}, {}
local reply, refused = {1, whole(now)}, false
for i = 1, count do
  local c, w, a = KEYS[2 * i], KEYS[2 * i + 1], 4 * i
  local kind, amount = ARGV[a], tonumber(ARGV[a + 1])
  local max, window = tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3])
  local s, h, n = load(c)
  s, leaves[i] = expire(c, w, s, window, now)
  sums[i], helds[i], holders[i] = s, h, n
  local fits = s + h + amount <= max or (kind == '2' and n == 0 and s < max)
  local retry = 0
  if not fits then
    refused = true
    local wanted = h + amount
    if kind == '1' then
      retry = 1000000
    elseif kind == '2' and n == 0 and max > 0 then
      retry = falls_to(w, s, max - math.min(wanted, 1), window) - now
    elseif wanted <= max then
      retry = falls_to(w, s, max - wanted, window) - now
    elseif n > 0 then
      retry = 1000000
    else
      retry = window
    end
  end
  tell(reply, s, h, reset_of(leaves[i], h, window, now), not fits, retry)
end
if refused then return reply end
reply = {0, whole(now)}
for i = 1, count do
  local c, w, a = KEYS[2 * i], KEYS[2 * i + 1], 4 * i
  local kind, amount = ARGV[a], tonumber(ARGV[a + 1])
  local max, window = tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3])
  local s, h, n = sums[i], helds[i], holders[i]
  if kind == '0' then
    s = add(w, s, amount, now, max, window)
    leaves[i] = oldest(w, window)
  else
    h = math.min(h + amount, MOST)
    n = n + 1
    redis.call('HSET', KEYS[1], ARGV[3] .. ':' .. c, whole(amount))
  end
  save(c, w, s, h, n, window)
  tell(reply, s, h, reset_of(leaves[i], h, window, now), false, 0)
end
return reply
)";

// KEYS as above. ARGV: time, holding; per charge: used so far, max, window.
constexpr std::string_view kRaise = R"(
local now = time_now(ARGV[1])
local reply = {0, whole(now)}
for i = 1, (#KEYS - 1) / 2 do
  local c, w, a = KEYS[2 * i], KEYS[2 * i + 1], 3 * i
  local so_far, max, window = tonumber(ARGV[a]), tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
  local field = ARGV[2] .. ':' .. c
  local mine = tonumber(redis.call('HGET', KEYS[1], field) or nil)
  if mine then
    local s, h, n = load(c)
    local leaves
    s, leaves = expire(c, w, s, window, now)
    local others = so_far > mine and h - math.min(h, mine) or 0
    local used_up = s + others + so_far > max
    if not used_up and so_far > mine then
      h = math.min(others + so_far, MOST)
      redis.call('HSET', KEYS[1], field, whole(so_far))
    end
    save(c, w, s, h, n, window)
    tell(reply, s, h, reset_of(leaves, h, window, now), used_up, 0)
  else
    tell(reply, 0, 0, 0, false, 0)
  end
end
return reply
)";

// KEYS as above. ARGV: time, holding; per charge: used, max, window.
constexpr std::string_view kSettle = R"(
local now = time_now(ARGV[1])
local reply = {0, whole(now)}
for i = 1, (#KEYS - 1) / 2 do
  local c, w, a = KEYS[2 * i], KEYS[2 * i + 1], 3 * i
  local used, max, window = tonumber(ARGV[a]), tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2])
  local field = ARGV[2] .. ':' .. c
  local mine = tonumber(redis.call('HGET', KEYS[1], field) or nil)
  if mine then
    redis.call('HDEL', KEYS[1], field)
    local s, h, n = load(c)
    s = expire(c, w, s, window, now)
    s = add(w, s, used, now, max, window)
    h = h - math.min(h, mine)
    n = math.max(n - 1, 0)
    save(c, w, s, h, n, window)
    local crossed = used > 0 and s > max
    local retry = crossed and falls_to(w, s, max - math.min(max, 1), window) - now or 0
    tell(reply, s, h, reset_of(oldest(w, window), h, window, now), crossed, retry)
  else
    tell(reply, 0, 0, 0, false, 0)
  end
end
return reply
)";

// KEYS: the loop's own hash, then counters. ARGV: holding.
constexpr std::string_view kGive = R"(
for i = 2, #KEYS do
  local field = ARGV[1] .. ':' .. KEYS[i]
  local mine = tonumber(redis.call('HGET', KEYS[1], field) or nil)
  if mine then
    redis.call('HDEL', KEYS[1], field)
    drop(KEYS[i], mine)
  end
end
return {0}
)";

// A sign of life. Of a gateway that has given none for long, a part of what it held is forgotten
// each time; such keys are found in its hash, not handed in.
// KEYS: beats, the loop's own hash. ARGV: time, its name, how long is long, the prefix of hashes.
constexpr std::string_view kBeat = R"(
local now = time_now(ARGV[1])
redis.call('ZADD', KEYS[1], whole(now), ARGV[2])
redis.call('PEXPIRE', KEYS[1], 86400000)
redis.call('PEXPIRE', KEYS[2], 86400000)
local dead = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', whole(now - tonumber(ARGV[3])),
                        'LIMIT', 0, 1)[1]
if dead then
  local holdings = ARGV[4] .. dead
  local cursor, rounds = '0', 0
  repeat
    local scanned = redis.call('HSCAN', holdings, cursor, 'COUNT', 100)
    cursor, rounds = scanned[1], rounds + 1
    local page = scanned[2]
    for i = 1, #page, 2 do
      local c = string.sub(page[i], string.find(page[i], ':', 1, true) + 1)
      drop(c, tonumber(page[i + 1]))
      redis.call('HDEL', holdings, page[i])
    end
  until cursor == '0' or rounds == 10
  if redis.call('EXISTS', holdings) == 0 then redis.call('ZREM', KEYS[1], dead) end
end
return {0, whole(now)}
)";

Client::Script script(std::string_view body) {
  return {.text = std::string(kCommon).append(body), .sha = {}};
}

}  // namespace

Scripts::Scripts()
    : take(script(kTake)),
      raise(script(kRaise)),
      settle(script(kSettle)),
      give(script(kGive)),
      beat(script(kBeat)) {}

}  // namespace capsem::redis
