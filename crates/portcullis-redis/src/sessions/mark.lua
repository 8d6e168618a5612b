#!lua
-- Keeps a mark until it expires; never shortens it.
--
-- KEYS: the mark. ARGV: its expiry. Reply: now.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local expires = tonumber(ARGV[1])
if expires > now and redis.call('PEXPIRETIME', KEYS[1]) < expires then
  redis.call('SET', KEYS[1], '1', 'PXAT', ARGV[1])
end
return now
