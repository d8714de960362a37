-- What the scripts share; each is sent with this before it. The arithmetic is that of crates/ports/src/window.rs.
--
-- Numbers are integers below 2^53, so they are exact; they are written with '%.0f', because Lua would write large ones
-- with an exponent. Slots stay the text they came as.
--
-- KEYS: leases (calls by the time their lease runs out), records (what they hold), epoch, grace; then meters, one hash
--       each: `e` the epoch it is of, `s<slot>` used by calls that have ended, `h<slot>` held by calls under way; of
--       those with a past `since`, the moment from which it is known, and `u<call>` for each call settled before that.
--       What leases name beyond that is not among KEYS; by their hash tag all are on the same node.
-- ARGV: the prefix of all keys, the name of a new epoch, its grace in milliseconds at least and at most; then each
--       script's own, read in order.
local LEASES, RECORDS, EPOCH, GRACE = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local FIXED = 4
local PREFIX = ARGV[1]
local DAY_MS = '86400000'
local WHOLE = 1048576
local MOST_NOTED = 10000
-- How long the name of a server's run is.
local RUN_ID = 40

local read_so_far = 4
local function argument()
  read_so_far = read_so_far + 1
  return ARGV[read_so_far]
end
local function number()
  return tonumber(argument())
end
local function text(value)
  return string.format('%.0f', value)
end

-- Which life of the data this is, and whether it has only just begun. Whoever finds no name gives one. A server that was
-- started again has what it last wrote to disk, if anything, and a replica what it heard of: that is another life too.
local function find_epoch()
  local info = redis.pcall('INFO', 'server')
  -- Whoever may not ask for it only notices when all is lost.
  info = type(info) == 'string' and info or ''
  local known = redis.call('MGET', EPOCH, GRACE)
  -- Nearly always: to look for what is known costs less than to read what it is.
  if known[1] and string.find(info, 'run_id:' .. string.sub(known[1], -RUN_ID), 1, true) then
    return known[1], known[2]
  end
  local run = '@' .. (string.match(info, 'run_id:(%x+)') or '')
  if known[1] and string.sub(known[1], -#run) == run then
    return known[1], known[2]
  end
  local new = ARGV[2] .. run
  redis.call('SET', EPOCH, new)
  redis.call('UNLINK', LEASES, RECORDS, GRACE)
  if ARGV[3] == '0' then
    return new, false
  end
  -- The longest, until a sign of life tells who is waited for.
  local time = redis.call('TIME')
  local began = text(tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000))
  redis.call('SET', GRACE, began, 'PX', ARGV[4])
  return new, began
end
local this_epoch, grace = find_epoch()

-- The next meter's arguments, in every script the same: its place among KEYS, the slot and its first moment, an amount,
-- what it is (`p` has a past, `o` only what is held counts, `-` another), the largest number kept, the oldest slot to
-- keep, the most fields, and how long to remember it.
local function part()
  return {
    key = KEYS[FIXED + number()],
    slot = argument(),
    begins = number(),
    amount = number(),
    what = argument(),
    largest = number(),
    oldest = number(),
    fields = number(),
    keep_ms = number(),
  }
end

-- Remembers a meter at least so long; some more, so that it need not be said each time.
local function keep(it)
  if redis.call('PTTL', it.key) < it.keep_ms then
    redis.call('PEXPIRE', it.key, text(it.keep_ms + math.floor(it.keep_ms / 8)))
  end
end

-- Empties a meter that is of another epoch, before anything is added to it.
local function begin(it)
  local of = redis.call('HGET', it.key, 'e')
  if of ~= this_epoch then
    if of then
      redis.call('DEL', it.key)
    end
    redis.call('HSET', it.key, 'e', this_epoch)
    keep(it)
  end
end

-- Adds to what a slot holds (`h`) or used (`s`). Whoever is the first sees to it that it is remembered, and forgets slots
-- that nobody looks back on any more. Where there is only one slot for ever, everybody does.
local function add(it, letter, amount)
  if amount == 0 then
    return
  end
  local after = redis.call('HINCRBY', it.key, letter .. it.slot, text(amount))
  if after > it.largest then
    redis.call('HSET', it.key, letter .. it.slot, text(it.largest))
  end
  if it.what == 'o' or after == amount then
    keep(it)
  end
  if after == amount and redis.call('HLEN', it.key) > it.fields then
    for _, field in ipairs(redis.call('HKEYS', it.key)) do
      local slot = string.match(field, '^[sh](%d+)$')
      if slot and tonumber(slot) < it.oldest then
        redis.call('HDEL', it.key, field)
      end
    end
  end
end

-- Whether what was spent before a moment is known; `since` is what the meter says.
local function is_known(since, moment)
  return since and tonumber(since) <= moment
end

-- Counts what a call used. Where the past is not known the call is noted with the first moment of its slot, so that
-- whoever adds it up leaves it out. Calls above the most that are noted are counted twice: rather too much than too little.
local function use(it, call)
  if it.what == 'o' then
    return
  end
  begin(it)
  add(it, 's', it.amount)
  if it.what == 'p' and not is_known(redis.call('HGET', it.key, 'since'), it.begins) then
    if redis.call('HLEN', it.key) < MOST_NOTED then
      redis.call('HSET', it.key, 'u' .. call, text(it.begins))
    end
    keep(it)
  end
end

-- The fields of calls that were noted.
local function noted(key)
  local fields = {}
  for _, field in ipairs(redis.call('HKEYS', key)) do
    -- An id has 16 bytes.
    if #field == 17 and string.sub(field, 1, 1) == 'u' then
      fields[#fields + 1] = field
    end
  end
  return fields
end

-- Takes back what a call held. The slot may have been forgotten meanwhile.
local function release(key, slot, amount)
  if amount == 0 then
    return
  end
  local held = tonumber(redis.call('HGET', key, 'h' .. slot) or '0')
  if held <= amount then
    redis.call('HDEL', key, 'h' .. slot)
  else
    redis.call('HINCRBY', key, 'h' .. slot, text(-amount))
  end
end

-- Ends a lease: gives back what it held. Returns for each meter key, slot and amount in turn, or nil if there is none.
local function end_lease(call)
  local record = redis.call('HGET', RECORDS, call)
  if not record then
    return nil
  end
  redis.call('HDEL', RECORDS, call)
  redis.call('ZREM', LEASES, call)
  local held = cmsgpack.unpack(record)
  for i = 1, #held, 3 do
    release(held[i], held[i + 1], held[i + 2])
  end
  return held
end

-- Begins one: what it holds is held already.
local function begin_lease(call, ends, record)
  redis.call('HSET', RECORDS, call, record)
  redis.call('ZADD', LEASES, ends, call)
end

-- Ends leases that have run out, so many at most, and remembers the calls, for their settlements may come late.
local function give_back(now, most)
  for _, call in ipairs(redis.call('ZRANGEBYSCORE', LEASES, '-inf', now, 'LIMIT', 0, most)) do
    if end_lease(call) then
      redis.call('SET', PREFIX .. 'back:' .. call, '', 'PX', DAY_MS)
    else
      redis.call('ZREM', LEASES, call)
    end
  end
end
