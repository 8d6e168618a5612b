#!lua flags=no-writes
-- Tells what would refuse an access token.
--
-- KEYS: the user's cut, the denial of the token, and the token's family, if it has one.
-- Reply: whether token or family are ended (0 or 1), and the cut (0 for none).

local ended = redis.call('EXISTS', KEYS[2])
if KEYS[3] and redis.call('HEXISTS', KEYS[3], 's') == 1 then
  ended = 1
end
return { ended, tonumber(redis.call('GET', KEYS[1]) or 0) }
