-- Keeps a value, which is worth something as long as its spaces are those of now.
--
-- KEYS: the value; the generation of the outer space; that of the inner one, or the outer one's again.
-- ARGV: the value; how long it is kept, milliseconds; a name for each generation that there is not.
local keep_ms = tonumber(ARGV[2])
local named = {}
for i = 2, 3 do
  local generation = redis.call('GET', KEYS[i])
  if not generation then
    generation = ARGV[i + 1]
    redis.call('SET', KEYS[i], generation, 'PX', keep_ms)
  elseif redis.call('PTTL', KEYS[i]) < keep_ms then
    redis.call('PEXPIRE', KEYS[i], keep_ms)
  end
  named[i - 1] = generation
end
redis.call('SET', KEYS[1], named[1] .. named[2] .. ARGV[1], 'PX', keep_ms)
