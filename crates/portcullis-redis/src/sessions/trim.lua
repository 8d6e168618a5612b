
-- Looks at a user under the tag of another key version, and ends the oldest families there above
-- a limit.
--
-- KEYS: a family, the user's cut, the user's index.
-- ARGV: what the names of the user's families begin with, how many may be left, access lifetime.
-- Reply: whether the family exists, the cut (0 for none), now, how many families there are, and
--        the ids of those that were ended.

local cut = tonumber(redis.call('GET', KEYS[2]) or 0)
local left, evicted = make_room(ARGV[1], KEYS[3], cut, tonumber(ARGV[2]), tonumber(ARGV[3]))
return { redis.call('EXISTS', KEYS[1]), cut, now, left, unpack(evicted) }
