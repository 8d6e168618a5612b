
-- Opens a family, and ends the user's oldest ones above the limit.
--
-- KEYS: the family, the user's cut, the user's index.
-- ARGV: id, what the names of the user's families begin with, key version, absolute lifetime, idle
--       lifetime, access lifetime, how many families the user may have, a cut known from another
--       tag of the user (0 for none), and a label, if any.
-- Reply: TAKEN; or OPENED, creation, absolute end, now, how many families there are, and the ids
--        of those that were ended.

local family, index = KEYS[1], KEYS[3]
local sid, families, version, label = ARGV[1], ARGV[2], ARGV[3], ARGV[9]
local absolute, idle, access = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local most = tonumber(ARGV[7])

if redis.call('EXISTS', family) == 1 then
  return { 'TAKEN' }
end

local cut = tonumber(redis.call('GET', KEYS[2]) or 0)
local left, evicted = make_room(families, index, cut, most - 1, access)
forget_spent(families, index, cut, 4 * most)

-- After every cut, also in its millisecond or after the clock was set back.
local created = math.max(now, cut + 1, tonumber(ARGV[8]) + 1)
local stop = second(now + absolute)
redis.call('HSET', family, 'a', stop, 'g', 0, 'r', now, 't', created, 'k', version)
if label then
  redis.call('HSET', family, 'n', label)
end
redis.call('PEXPIREAT', family, math.min(second(now + idle), stop))
redis.call('ZADD', index, created, sid)
keep(index, stop)
return { 'OPENED', created, stop, now, left + 1, unpack(evicted) }
