
-- Ends every family of the user that was opened until now.
--
-- KEYS: the user's cut, the user's index.
-- ARGV: the cut under another tag of the user (0 for none), absolute lifetime, access lifetime.
-- Reply: the cut, and now.

local last = tonumber(redis.call('GET', KEYS[1]) or 0)
local after = string.format('(%.0f', last)
local newest =
  redis.call('ZRANGE', KEYS[2], '+inf', after, 'BYSCORE', 'REV', 'LIMIT', 0, 1, 'WITHSCORES')
local cut = tonumber(ARGV[1])
if cut == 0 then
  cut = now
end
-- A family may be younger than the clock says: opened in the millisecond of an earlier cut, or
-- before the clock went back.
cut = math.max(cut, last, tonumber(newest[2] or 0))
-- 65 seconds more: the slack of `iat`, and leeway.
local gone = math.max(cut, now) + math.max(tonumber(ARGV[2]), tonumber(ARGV[3])) + 65000
redis.call('SET', KEYS[1], string.format('%.0f', cut), 'PXAT', string.format('%.0f', gone))
return { cut, now }
