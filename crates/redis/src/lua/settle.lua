-- Puts what calls used in the place of what they held, each once.
--
-- ARGV: how many calls, and for each its id; 1 if it may never have been reserved; the epoch in which it was, or nothing
--       if that is not known; how many meters, and for each a part (the amount is what was used, the slot the one it was
--       let in).
-- Returns the epoch, and for each call 1 if it was counted now.
local counted = {}
for i = 1, number() do
  local call = argument()
  local unreserved, reserved_in = argument() == '1', argument()
  local parts = {}
  for j = 1, number() do
    parts[j] = part()
  end
  -- What was reserved in another epoch may have been lost with it.
  local doubtful = unreserved or (reserved_in ~= '' and reserved_in ~= this_epoch)
  local first = true
  if doubtful then
    first = redis.call('SET', PREFIX .. 'counted:' .. this_epoch .. ':' .. call, '', 'NX', 'PX', DAY_MS)
  end
  local held = end_lease(call)
  local given_back = redis.call('DEL', PREFIX .. 'back:' .. call) == 1
  counted[i] = 0
  if first and (held or given_back or doubtful) then
    counted[i] = 1
    for j, it in ipairs(parts) do
      if held and held[3 * j - 1] then
        it.slot = held[3 * j - 1]
      end
      use(it, call)
    end
  end
end
return { this_epoch, counted }
