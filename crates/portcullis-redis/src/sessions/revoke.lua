
-- Ends one family. The first reason stays.
--
-- KEYS: the family, the user's index.
-- ARGV: id, reason, absolute lifetime, access lifetime, and whether an unknown family is ended too
--       (1) or let be (0).
-- Reply: whether it was known (0 or 1), now, and until when its access tokens may live.

local family, index = KEYS[1], KEYS[2]
local sid, reason, access = ARGV[1], ARGV[2], tonumber(ARGV[4])
local ended, stop = unpack(redis.call('HMGET', family, 's', 'a'))
stop = tonumber(stop or 0)
if now >= stop then
  if ARGV[5] == '0' then
    return { 0, now, 0 }
  end
  -- Unknown here, but it may be a token of Django's that was never adopted.
  local last = now + tonumber(ARGV[3])
  bury(family, index, sid, reason, last, last)
  return { 0, now, now + access }
end
if not ended then
  bury(family, index, sid, reason, stop, now + access)
end
-- A tombstone stands in the index by the time until which it is needed.
local needed = -tonumber(redis.call('ZSCORE', index, sid) or -(now + access))
return { 1, now, math.min(needed, now + access) }
