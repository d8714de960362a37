-- Tells the letters of a session after a number.
--
-- KEYS: the session.
-- ARGV: the number.
-- Returns the number of the first, and all of them.
local known = redis.call('HMGET', KEYS[1], 'ln', 'lf')
local first, found = items(KEYS[1], 'l', known[1], known[2], tonumber(ARGV[1]), math.huge)
return { first, found }
