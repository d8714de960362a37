-- Takes from all meters for all calls, or from none.
--
-- ARGV: `hold` (leases), `count` (for good) or `read` (nothing); the time; when the leases run out; how many calls, and
--       their ids; how many meters, and for each a part (the amount is one call's), its limit, the weight of a slot
--       before the present one in parts of 2^20, the first moment in view, how many slots, and these, the present one
--       first.
-- Returns what was decided (0 full, 1 taken, 2 being restored, 3 without a past), the epoch, for every slot of every
--       meter what it was used and held before; the places of meters without a past, and for each the calls settled.
local FULL, TAKEN, RESTORING, UNSEEDED = 0, 1, 2, 3

local mode, now, ends = argument(), argument(), argument()
local calls = {}
for i = 1, number() do
  calls[i] = argument()
end
if mode == 'hold' and grace then
  return { RESTORING, this_epoch, {}, {}, {} }
end
give_back(now, 64)

local counts, unseeded, settled = {}, {}, {}
local full = false
local meters = {}
for i = 1, number() do
  local meter = part()
  meters[i] = meter
  local limit, weight, begins = number(), number(), number()
  local fields = { 'e', 'since' }
  for j = 1, number() do
    local slot = argument()
    fields[2 * j + 1] = 's' .. slot
    fields[2 * j + 2] = 'h' .. slot
  end
  local found = redis.call('HMGET', meter.key, unpack(fields))
  meter.is_new = found[1] ~= this_epoch
  if meter.is_new then
    found = {}
  end
  local total = 0
  for j = 3, #fields, 2 do
    local used, held = tonumber(found[j] or '0'), tonumber(found[j + 1] or '0')
    counts[#counts + 1] = used
    counts[#counts + 1] = held
    local both = math.min(used, meter.largest) + math.min(held, meter.largest)
    if j > 3 and weight < WHOLE then
      both = math.ceil(both * weight / WHOLE)
    end
    total = total + both
  end
  full = full or total + meter.amount * #calls > limit
  if meter.what == 'p' and not is_known(found[2], begins) then
    local ids = meter.is_new and {} or noted(meter.key)
    for j, field in ipairs(ids) do
      ids[j] = string.sub(field, 2)
    end
    unseeded[#unseeded + 1] = i - 1
    settled[#settled + 1] = ids
  end
end

local decided = (full and FULL) or (#unseeded > 0 and UNSEEDED) or TAKEN
if decided == TAKEN and mode ~= 'read' then
  local record = {}
  for i, meter in ipairs(meters) do
    local amount = meter.amount * #calls
    if meter.is_new then
      begin(meter)
    end
    if mode == 'hold' then
      add(meter, 'h', amount)
      record[3 * i - 2], record[3 * i - 1], record[3 * i] = meter.key, meter.slot, meter.amount
    elseif meter.what ~= 'o' then
      add(meter, 's', amount)
    end
  end
  if mode == 'hold' then
    record = cmsgpack.pack(record)
    for _, call in ipairs(calls) do
      begin_lease(call, ends, record)
    end
  end
end
return { decided, this_epoch, counts, unseeded, settled }
