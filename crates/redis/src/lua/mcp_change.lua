-- Replaces the state of a session, if it is the one that was read.
--
-- KEYS: the session.
-- ARGV: the revision that was read; the state.
-- Returns 1 if it was replaced.
if redis.call('HGET', KEYS[1], 'r') ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 's', ARGV[2], 'r', text(tonumber(ARGV[1]) + 1))
return 1
