-- Takes what was spent in the time of a meter before its count began.
--
-- ARGV: `begin`, `at_least` or `exactly`; how many calls were left out; the first moment in view; a part, of which slot
--       and amount say nothing; how many slots, and each with its first moment and its amount.
-- Returns the epoch, and 1 if it was taken.
local mode, left_out, begins = argument(), number(), number()
local it = part()

begin(it)
local since = redis.call('HGET', it.key, 'since')
local known = is_known(since, begins)
local calls = noted(it.key)
-- Calls that were settled since those were left out stay counted: too much rather than too little.
if (mode == 'begin' and (known or #calls < left_out)) or (mode == 'at_least' and not known) then
  return { this_epoch, 0 }
end
for _ = 1, number() do
  local slot, slot_begins, amount = argument(), number(), number()
  local used = tonumber(redis.call('HGET', it.key, 's' .. slot) or '0')
  local held = tonumber(redis.call('HGET', it.key, 'h' .. slot) or '0')
  if mode == 'begin' then
    amount = is_known(since, slot_begins) and used or math.min(used + amount, it.largest)
  elseif mode == 'at_least' then
    amount = math.max(used, amount - held)
  end
  if amount ~= used then
    redis.call('HSET', it.key, 's' .. slot, text(amount))
  end
end
if not known then
  redis.call('HSET', it.key, 'since', text(begins))
  for _, field in ipairs(calls) do
    if tonumber(redis.call('HGET', it.key, field)) >= begins then
      redis.call('HDEL', it.key, field)
    end
  end
end
keep(it)
return { this_epoch, 1 }
