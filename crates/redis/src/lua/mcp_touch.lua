-- Begins the time of a session anew, and of what lives with it.
--
-- KEYS: the session; what its owner has.
-- ARGV: the session's name; what the keys of its streams begin with; the owner; how long it is kept, milliseconds.
-- Returns the state, its revision and the number of the last letter, or nothing if it is not there for this owner.
local ttl_ms = tonumber(ARGV[4])

local known = redis.call('HMGET', KEYS[1], 'o', 's', 'r', 'ln')
if known[1] ~= ARGV[3] then
  return false
end
for _, name in ipairs(streams(KEYS[1])) do
  redis.call('PEXPIRE', ARGV[2] .. name, text(ttl_ms))
end
redis.call('PEXPIRE', KEYS[1], text(ttl_ms))
count(KEYS[2], ARGV[1], ttl_ms)
return { known[2], known[3], known[4] or '0' }
