#!lua
-- Gives back what has not yet drained of each charge.
--
-- KEYS: the state of each limit.
-- ARGV: five numbers for each: kind (0 evenly refilled, 1 exact log), unit, capacity, cost, and
--       the mark that the charge was answered with.
-- Reply: how many were touched.

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

local function give_back(key, unit, capacity, cost, mark)
  local stored = redis.call('GET', key)
  -- The charges drain one after the other, this one until its mark. What is past belongs to it
  -- no more, and taking it off would credit somebody else's.
  local undrained = math.min(mark - now, unit * cost)
  if not stored or undrained <= 0 then
    return 0
  end
  local arrival = math.min(tonumber(stored), now + unit * capacity) - undrained
  if arrival <= now then
    return redis.call('DEL', key)
  end
  local lifetime = math.ceil(arrival / 1000) - math.floor(now / 1000) + 1
  redis.call('SET', key, string.format('%.0f', arrival), 'PX', lifetime)
  return 1
end

local touched = 0
for i, key in ipairs(KEYS) do
  local kind, unit, capacity, cost, mark = unpack(ARGV, 5 * i - 4, 5 * i)
  if kind == '1' then
    touched = touched + redis.call('LREM', key, 1, mark)
  else
    touched = touched
      + give_back(key, tonumber(unit), tonumber(capacity), tonumber(cost), tonumber(mark))
  end
end
return touched
