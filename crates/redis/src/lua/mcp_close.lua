-- Ends a session, and tells so.
--
-- KEYS: the session; what its owner has.
-- ARGV: the session's name; what the keys of its streams begin with; the owner; the channel.
-- Returns 1, or 0 if it is not there for this owner.
if redis.call('HGET', KEYS[1], 'o') ~= ARGV[3] then
  return 0
end
forget(KEYS[1], ARGV[2])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('PUBLISH', ARGV[4], ARGV[1])
return 1
