-- Brings back what a process knows and Redis lost.
--
-- ARGV: until when this may be done, by the server's clock: whoever sent it has given up then; and in which epoch alone,
--       if that matters: in the next one all is brought back under other names. What was used: a name for it, so that
--       it is not counted twice, how much, and parts. What is held: how many calls, and for each its id, when
--       its lease runs out, how many meters, and parts.
-- Returns the epoch, and 1 if it was done.
local time = redis.call('TIME')
if tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) > number() then
  return { this_epoch, 0 }
end
local meant = argument()
if meant ~= '' and meant ~= this_epoch then
  return { this_epoch, 0 }
end
local name = argument()
local parts = number()
local marker = PREFIX .. 'restored:' .. this_epoch .. ':' .. name
local first = parts > 0 and redis.call('SET', marker, '', 'NX', 'PX', DAY_MS)
for _ = 1, parts do
  local it = part()
  if first then
    use(it)
  end
end
for _ = 1, number() do
  local call, ends = argument(), argument()
  local exists = redis.call('HEXISTS', RECORDS, call) == 1
  local record = {}
  for j = 1, number() do
    local it = part()
    record[3 * j - 2], record[3 * j - 1], record[3 * j] = it.key, it.slot, it.amount
    if not exists then
      begin(it)
      add(it, 'h', it.amount)
    end
  end
  if exists then
    redis.call('ZADD', LEASES, ends, call)
  else
    redis.call('DEL', PREFIX .. 'back:' .. call)
    begin_lease(call, ends, cmsgpack.pack(record))
  end
end
return { this_epoch, 1 }
