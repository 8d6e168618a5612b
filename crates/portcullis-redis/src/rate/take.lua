#!lua
-- Charges every limit of one decision, or none.
--
-- KEYS: the state of each limit.
-- ARGV: five numbers for each: kind (0 evenly refilled, 1 exact log), unit, capacity, cost,
--       shadow. The unit is the time per request, or the window, in microseconds.
-- Reply: admitted, now, then five for each: refused, remaining, retry after, reset after, mark.
--
-- Every number is a whole one below 2^53, which a Lua number holds exactly: the largest is
-- two periods of 31 days ahead of now, and that is so until the year 2255.

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]

-- Milliseconds until the instant `at`. Redis expires by whole milliseconds; rounding the present
-- down and adding one keeps an entry from going before its time.
local function lifetime(at)
  return math.ceil(at / 1000) - math.floor(now / 1000) + 1
end

-- Evenly refilled: the stored instant is when all that was charged will have drained.
local even = {}

function even.look(limit)
  limit.full = limit.unit * limit.capacity
  local stored = tonumber(redis.call('GET', limit.key) or now)
  -- Never further ahead than a full refill, whatever the clock or the quota was before.
  limit.arrival = math.min(math.max(stored, now), now + limit.full)
  local charge = limit.unit * limit.cost
  local spare = now + limit.full - limit.arrival
  if charge > spare then
    limit.wait = math.max(math.min(charge, limit.full) - spare, 1)
  end
end

function even.charge(limit)
  limit.arrival = limit.arrival + limit.unit * limit.cost
  local text = string.format('%.0f', limit.arrival)
  redis.call('SET', limit.key, text, 'PX', lifetime(limit.arrival))
end

function even.report(limit)
  local ahead = limit.arrival - now
  return math.floor((limit.full - ahead) / limit.unit), ahead, limit.arrival
end

-- Exact log: the instants of the last admissions, newest first.
local log = {}

function log.look(limit)
  limit.stamps = redis.call('LRANGE', limit.key, 0, limit.capacity - 1)
  for i, stamp in ipairs(limit.stamps) do
    limit.stamps[i] = tonumber(stamp)
  end
  local oldest = limit.stamps[limit.capacity]
  if oldest then
    -- A stamp ahead of us, from before the clock was set back, blocks for one window at most.
    limit.wait = math.max(math.min(oldest, now) + limit.unit - now, 0)
  end
end

function log.charge(limit)
  table.insert(limit.stamps, 1, now)
  table.remove(limit.stamps, limit.capacity + 1)
  redis.call('LPUSH', limit.key, string.format('%.0f', now))
  redis.call('LTRIM', limit.key, 0, limit.capacity - 1)
  redis.call('PEXPIRE', limit.key, lifetime(now + limit.unit))
end

function log.report(limit)
  local live = 0
  while live < #limit.stamps and limit.stamps[live + 1] + limit.unit > now do
    live = live + 1
  end
  local reset = 0
  if #limit.stamps > 0 then
    reset = math.max(math.min(limit.stamps[1], now) + limit.unit - now, 0)
  end
  return limit.capacity - live, reset, now
end

local kinds = { ['0'] = even, ['1'] = log }
local limits, admitted = {}, 1
for i, key in ipairs(KEYS) do
  local kind, unit, capacity, cost, shadow = unpack(ARGV, 5 * i - 4, 5 * i)
  local limit = {
    key = key, kind = kinds[kind], unit = tonumber(unit), capacity = tonumber(capacity),
    cost = tonumber(cost), wait = 0,
  }
  limit.kind.look(limit)
  if limit.wait > 0 and shadow == '0' then
    admitted = 0
  end
  limits[i] = limit
end

local reply = { admitted, now }
for _, limit in ipairs(limits) do
  -- One that refuses here is a shadow: it is passed over.
  if admitted == 1 and limit.wait == 0 then
    limit.kind.charge(limit)
  end
  local remaining, reset, mark = limit.kind.report(limit)
  local refused = limit.wait > 0 and 1 or 0
  for _, number in ipairs({ refused, remaining, limit.wait, reset, mark }) do
    reply[#reply + 1] = number
  end
end
return reply
