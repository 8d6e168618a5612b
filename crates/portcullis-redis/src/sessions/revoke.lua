
-- Ends one family, known or not. The first reason stays.
--
-- KEYS: the family, the user's index. ARGV: id, reason, absolute lifetime, access lifetime.
-- Reply: now.

local family, index = KEYS[1], KEYS[2]
local sid, reason = ARGV[1], ARGV[2]
local ended, stop = unpack(redis.call('HMGET', family, 's', 'a'))
stop = tonumber(stop or 0)
if now >= stop then
  -- Unknown here, but it may be a token of Django's that was never adopted.
  local last = now + tonumber(ARGV[3])
  bury(family, index, sid, reason, last, last)
elseif not ended then
  bury(family, index, sid, reason, stop, now + tonumber(ARGV[4]))
end
return now
