-- Tells what is left alone, and forgets what is long over.
--
-- KEYS: what rests.
-- ARGV: how long a target is remembered after its time is over.
-- Returns each target, followed by until when and how many times in a row.
local time = redis.call('TIME')
local horizon_ms = time[1] * 1000 + math.floor(time[2] / 1000) - tonumber(ARGV[1])

local told, all = {}, redis.call('HGETALL', KEYS[1])
for at = 1, #all, 2 do
  local until_ms, times = string.match(all[at + 1], '^(%d+):(%d+)$')
  if until_ms and tonumber(until_ms) >= horizon_ms then
    told[#told + 1] = { all[at], until_ms, times }
  else
    redis.call('HDEL', KEYS[1], all[at])
  end
end
return told
