#!lua
-- Counts one more failure in a row, unless the cap is reached.
--
-- KEYS: the counter. ARGV: the cap, and how many milliseconds the count is kept from now on.
-- Reply: the count, or -1 at the cap, where nothing is written.

local count = tonumber(redis.call('GET', KEYS[1]) or 0)
if count >= tonumber(ARGV[1]) then
  return -1
end
redis.call('SET', KEYS[1], count + 1, 'PX', ARGV[2])
return count + 1
