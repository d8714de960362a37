-- Adds an event to a stream, and tells so.
--
-- KEYS: the session; the stream.
-- ARGV: the session's name; the event; 1 if it is the last; how many events are kept, and how many bytes of those but the
--       newest; the channel.
-- Returns the event's number, or nothing if the stream is over or gone.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return false
end
local known = redis.call('HMGET', KEYS[2], 'k', 'o')
if not known[1] or known[2] then
  return false
end
local number = push(KEYS[2], '', ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5]))
if ARGV[3] == '1' then
  redis.call('HSET', KEYS[2], 'o', '1')
end
redis.call('PUBLISH', ARGV[6], ARGV[1])
return number
