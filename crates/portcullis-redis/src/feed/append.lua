-- Adds one revocation to the feed, and drops what no living token can need any more.
-- KEYS 1 the stream; ARGV 1 kind, 2 tag, 3 value, 4 expiry (s), 5 how long entries are kept (ms)
local now = redis.call('TIME')
local oldest = now[1] * 1000 + math.floor(now[2] / 1000) - ARGV[5]
redis.call('XADD', KEYS[1], 'MINID', '~', string.format('%.0f', math.max(oldest, 0)), '*',
  'k', ARGV[1], 'u', ARGV[2], 'v', ARGV[3], 'e', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1
