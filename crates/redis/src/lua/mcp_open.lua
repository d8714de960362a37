-- Keeps a new session, in the place of one of that name.
--
-- KEYS: the session; what its owner has.
-- ARGV: the session's name; what the keys of its streams begin with; the owner; the state; how long it is kept,
--       milliseconds; how many an owner may have; what the keys of sessions begin with, and of what owners have.
-- Returns 1, or 0 if its owner has enough.
local FEW = 16
local session, owner, ttl_ms, most = ARGV[1], ARGV[3], tonumber(ARGV[5]), tonumber(ARGV[6])

local former = redis.call('HGET', KEYS[1], 'o')
if former then
  forget(KEYS[1], ARGV[2])
  redis.call('ZREM', ARGV[8] .. former, session)
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', text(now_ms()))
if redis.call('ZCARD', KEYS[2]) >= most then
  -- Redis may have evicted some before their time, most likely of those that end soon.
  for _, other in ipairs(redis.call('ZRANGE', KEYS[2], 0, FEW - 1)) do
    if redis.call('EXISTS', ARGV[7] .. other) == 0 then
      redis.call('ZREM', KEYS[2], other)
    end
  end
  if redis.call('ZCARD', KEYS[2]) >= most then
    return 0
  end
end
redis.call('HSET', KEYS[1], 'o', owner, 's', ARGV[4], 'r', '1')
redis.call('PEXPIRE', KEYS[1], text(ttl_ms))
count(KEYS[2], session, ttl_ms)
return 1
