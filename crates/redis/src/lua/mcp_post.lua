-- Leaves a letter in a session, and tells so.
--
-- KEYS: the session.
-- ARGV: the session's name; the letter; how many are kept, and how many bytes of those but the newest; the channel.
-- Returns 1, or 0 if there is no such session.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
push(KEYS[1], 'l', ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]))
redis.call('PUBLISH', ARGV[5], ARGV[1])
return 1
