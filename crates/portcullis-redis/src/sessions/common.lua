#!lua
-- The beginning of every script that writes sessions. All times are whole milliseconds, which a
-- Lua number holds exactly.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- Keeps the index at least until `at`.
local function keep(index, at)
  if redis.call('PEXPIRETIME', index) < at then
    redis.call('PEXPIREAT', index, at)
  end
end

-- Puts a tombstone in a family's place until `stop`, or until `needed` where that is later: from
-- then on it keeps out nothing that would not be refused without it.
local function bury(family, index, sid, reason, stop, needed)
  local last = math.max(stop, needed)
  redis.call('DEL', family)
  redis.call('HSET', family, 's', reason, 'a', stop)
  redis.call('PEXPIREAT', family, last)
  redis.call('ZADD', index, -needed, sid)
  keep(index, last)
end

-- The instant rounded down to its second.
local function second(at)
  return at - at % 1000
end
