-- Admits so many in several sliding windows, or in none of them.
-- The arithmetic is that of crates/ports/src/sliding.rs; all numbers stay below 2^53.
--
-- KEYS: for each window, the counter of its present period and that of the period before.
-- ARGV: for each window, its limit, the weight of the period before (in parts of 2^20), and how long
--       a counter is kept, in milliseconds; last, how many are to be admitted.
-- Returns 1 or 0, whether they were counted; then for each window both counts as they were before.
local WHOLE = 1048576

local asked = tonumber(ARGV[#ARGV])
local counts = redis.call('MGET', unpack(KEYS))
local reply = { 1 }
for i = 1, #KEYS, 2 do
  local current = tonumber(counts[i] or '0')
  local previous = tonumber(counts[i + 1] or '0')
  local argument = (i - 1) / 2 * 3
  local limit = tonumber(ARGV[argument + 1])
  local weight = tonumber(ARGV[argument + 2])
  if current + math.ceil(previous * weight / WHOLE) + asked > limit then
    reply[1] = 0
  end
  reply[i + 1] = current
  reply[i + 2] = previous
end

if reply[1] == 1 then
  for i = 1, #KEYS, 2 do
    -- The counter is new if there is nothing in it but these.
    if redis.call('INCRBY', KEYS[i], asked) == asked then
      redis.call('PEXPIRE', KEYS[i], ARGV[(i - 1) / 2 * 3 + 3])
    end
  end
end
return reply
