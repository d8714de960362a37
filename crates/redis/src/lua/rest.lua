-- Notes that a target is left alone, unless it is for longer already.
--
-- KEYS: what rests; the claim to probe it.
-- ARGV: the target; until when, and how many times in a row; most targets; how long one is remembered after that.
local target, until_ms, times = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local most, remembered_ms = tonumber(ARGV[4]), tonumber(ARGV[5])

local function ends(value)
  return tonumber(string.match(value, '^%d+'))
end

local known = redis.call('HGET', KEYS[1], target)
if known and ends(known) > until_ms then
  return 0
end
redis.call('HSET', KEYS[1], target, ARGV[2] .. ':' .. times)
redis.call('DEL', KEYS[2])

if redis.call('HLEN', KEYS[1]) > most then
  local all, first, soonest = redis.call('HGETALL', KEYS[1]), nil, nil
  for at = 1, #all, 2 do
    if not soonest or ends(all[at + 1]) < soonest then
      first, soonest = all[at], ends(all[at + 1])
    end
  end
  redis.call('HDEL', KEYS[1], first)
end

local time = redis.call('TIME')
local now_ms = time[1] * 1000 + math.floor(time[2] / 1000)
local keep_ms = math.max(until_ms - now_ms, 0) + remembered_ms
if redis.call('PTTL', KEYS[1]) < keep_ms then
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', keep_ms))
end
return 1
