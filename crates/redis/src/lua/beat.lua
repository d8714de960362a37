-- A sign of life of a process.
--
-- While all is being restored nothing is let in before everybody has brought back its part: those who knew an earlier
-- epoch say whom they knew alive in it, and each is waited for until it says that it has.
--
-- KEYS: after the fixed ones the processes that let calls in, by when each was last seen.
-- ARGV: the process; 1 if it lets calls in; how long one counts as alive, milliseconds; the epoch in which it has brought
--       back everything; the epoch of its last sign of life; and how many it knew alive in that one, and which.
-- Returns the epoch, the processes, the server's time in milliseconds, and 1 if all is being restored.
local process, lets_in, alive_ms = argument(), argument() == '1', number()
local whole, last = argument(), argument()
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', text(now - alive_ms))
if lets_in then
  redis.call('ZADD', KEYS[5], text(now), process)
end

local awaited, returned = PREFIX .. 'awaited:' .. this_epoch, PREFIX .. 'returned:' .. this_epoch
local function await(name)
  if redis.call('SISMEMBER', returned, name) == 0 then
    redis.call('SADD', awaited, name)
    redis.call('PEXPIRE', awaited, DAY_MS)
  end
end

if grace then
  if whole == this_epoch then
    redis.call('SADD', returned, process)
    redis.call('PEXPIRE', returned, DAY_MS)
    redis.call('SREM', awaited, process)
  elseif last ~= '' and last ~= this_epoch then
    if lets_in then
      await(process)
    end
    for _ = 1, number() do
      await(argument())
    end
  end
  local is_awaited = redis.call('EXISTS', awaited) == 1
  local ends = tonumber(grace) + tonumber(is_awaited and ARGV[4] or ARGV[3])
  if ends <= now then
    redis.call('DEL', GRACE)
    grace = false
  else
    redis.call('PEXPIREAT', GRACE, text(ends))
  end
end
return { this_epoch, redis.call('ZRANGE', KEYS[5], 0, -1), now, grace and 1 or 0 }
