-- Tells what came in a stream after an event.
--
-- KEYS: the session; the stream.
-- ARGV: the number of the event; how many at most.
-- Returns whether nothing comes after these, whether it is kept, the number of the first, and all of them; nothing if there
-- is no such stream.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return false
end
local known = redis.call('HMGET', KEYS[2], 'k', 'o', 'n', 'f')
if not known[1] then
  return false
end
local after = tonumber(ARGV[1])
local first, found = items(KEYS[2], '', known[3], known[4], after, tonumber(ARGV[2]))
local reaches = #found > 0 and first + #found - 1 or after
local is_over = known[2] and reaches >= tonumber(known[3] or '0')
local is_kept = known[2] or tonumber(known[1]) > now_ms()
return { is_over and 1 or 0, is_kept and 1 or 0, first, found }
