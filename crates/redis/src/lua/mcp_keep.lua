-- Says of streams that they are kept for longer, where they still are.
--
-- KEYS: the streams.
-- ARGV: for how long, milliseconds.
local kept_until = text(now_ms() + tonumber(ARGV[1]))
for _, stream in ipairs(KEYS) do
  if redis.call('EXISTS', stream) == 1 then
    redis.call('HSET', stream, 'k', kept_until)
  end
end
return redis.status_reply('OK')
