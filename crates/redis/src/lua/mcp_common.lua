-- What all scripts of MCP sessions begin with.
--
-- A session is a hash: `o` its owner, `s` its state, `r` the state's revision, `S` the names of its streams, 16 bytes each,
-- in the order in which they were opened; and its letters. A stream is a hash that ends with the session: `k` until when it
-- is known as kept, `o` if it is over; and its events. Letters (behind an `l`) and events are numbered fields: `n` the last
-- number, `f` the first that is left, `b` their bytes.

local function text(number)
  return string.format('%.0f', number)
end

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Adds one; its number. The oldest give way until at most `most` are left, and of those but the newest at most
-- `most_bytes`.
local function push(key, kind, item, most, most_bytes)
  local known = redis.call('HMGET', key, kind .. 'n', kind .. 'f', kind .. 'b')
  local last = tonumber(known[1] or '0') + 1
  local first = tonumber(known[2] or '1')
  local bytes = tonumber(known[3] or '0') + #item
  while first < last and (last - first >= most or bytes - #item > most_bytes) do
    local oldest = kind .. text(first)
    bytes = bytes - redis.call('HSTRLEN', key, oldest)
    redis.call('HDEL', key, oldest)
    first = first + 1
  end
  redis.call('HSET', key, kind .. text(last), item, kind .. 'n', text(last), kind .. 'f', text(first), kind .. 'b',
    text(bytes))
  return last
end

-- What came after a number, so many at most: the number of the first of them, and they. `last` and `first` are what is
-- known of all.
local function items(key, kind, last, first, after, limit)
  first = math.max(tonumber(first or '1'), after + 1)
  last = math.min(tonumber(last or '0'), first + limit - 1)
  local found = {}
  for from = first, last, 500 do
    local fields = {}
    for number = from, math.min(from + 499, last) do
      fields[#fields + 1] = kind .. text(number)
    end
    for _, item in ipairs(redis.call('HMGET', key, unpack(fields))) do
      found[#found + 1] = item
    end
  end
  return first, found
end

-- The names of a session's streams.
local function streams(key)
  local names, all = {}, redis.call('HGET', key, 'S') or ''
  for at = 1, #all, 16 do
    names[#names + 1] = string.sub(all, at, at + 15)
  end
  return names
end

-- Forgets a session and what lives with it. `prefix` is what the keys of its streams begin with.
local function forget(key, prefix)
  for _, name in ipairs(streams(key)) do
    redis.call('UNLINK', prefix .. name)
  end
  redis.call('UNLINK', key)
end

-- Counts a session among those of its owner until it ends.
local function count(owner_key, session, ttl_ms)
  redis.call('ZADD', owner_key, text(now_ms() + ttl_ms), session)
  if redis.call('PTTL', owner_key) < ttl_ms then
    redis.call('PEXPIRE', owner_key, text(ttl_ms))
  end
end
