-- Lets leases run longer.
--
-- ARGV: how many calls, and for each its id and when its lease runs out now.
-- Returns the epoch, and the calls that have no lease.
local missing = {}
for _ = 1, number() do
  local call, ends = argument(), argument()
  if redis.call('ZSCORE', LEASES, call) then
    redis.call('ZADD', LEASES, ends, call)
  else
    missing[#missing + 1] = call
  end
end
return { this_epoch, missing }
