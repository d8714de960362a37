-- Begins a stream, or keeps it longer if there is one of that name.
--
-- KEYS: the session; the stream.
-- ARGV: the stream's name; what the keys of the session's streams begin with; for how long it is known as kept,
--       milliseconds; how many streams a session may have.
-- Returns 1, or 0 if there is no such session.
local now, most = now_ms(), tonumber(ARGV[4])
local kept_until = text(now + tonumber(ARGV[3]))

local left_ms = redis.call('PTTL', KEYS[1])
if left_ms < 0 then
  return 0
end
if redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('HSET', KEYS[2], 'k', kept_until)
  return 1
end

-- One that nobody adds to gives way first, or is gone already.
local function gives_way(names)
  for at, name in ipairs(names) do
    local known = redis.call('HMGET', ARGV[2] .. name, 'k', 'o')
    if not known[1] or known[2] or tonumber(known[1]) <= now then
      return at
    end
  end
  return 1
end

local names = streams(KEYS[1])
while #names >= most do
  redis.call('UNLINK', ARGV[2] .. table.remove(names, gives_way(names)))
end
names[#names + 1] = ARGV[1]
redis.call('HSET', KEYS[1], 'S', table.concat(names))
redis.call('HSET', KEYS[2], 'k', kept_until)
redis.call('PEXPIRE', KEYS[2], text(left_ms))
return 1
