-- Forgets that a target is left alone, and who was to probe it.
--
-- KEYS: what rests; the claim to probe it.
-- ARGV: the target.
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('DEL', KEYS[2])
return redis.status_reply('OK')
