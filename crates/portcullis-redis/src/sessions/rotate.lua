
-- Decides what a presented refresh token gets, and records it.
--
-- KEYS: the family, the user's cut, the user's index; to adopt, the blacklist entry of the token.
-- ARGV: id, generation, overlap, budget, idle lifetime, access lifetime; to adopt also the token's
--       creation, the family's end, the token's expiry, the key version, and whether a family may
--       be opened under this tag (1) or is only looked for (0).
-- Reply: ROTATED, SAME, REPLAY, LOST or AHEAD, then generation, when it was opened, creation,
--        absolute end, now, key version; REUSE and now; REVOKED and the reason; EXPIRED; UNKNOWN.

local family, index, listed = KEYS[1], KEYS[3], KEYS[4]
local sid, presented = ARGV[1], tonumber(ARGV[2])
local overlap, budget = tonumber(ARGV[3]), tonumber(ARGV[4])
local idle, access = tonumber(ARGV[5]), tonumber(ARGV[6])

local ended, stop, generation, rotated, created, version, seen, granted, made_good, handed =
  unpack(redis.call('HMGET', family, 's', 'a', 'g', 'r', 't', 'k', 'c', 'l', 'm', 'o'))
stop = tonumber(stop or 0)

-- Before anything else: no window, adoption or clock brings an ended family back.
if ended and now < stop then
  return { 'REVOKED', ended }
end

local cut = tonumber(redis.call('GET', KEYS[2]) or 0)

if not generation then
  if not listed then
    return { 'UNKNOWN' }
  end
  if redis.call('EXISTS', listed) == 1 then
    return { 'REVOKED', 'listed' }
  end
  local expires
  created, stop, expires = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
  version = ARGV[10]
  if created <= cut then
    return { 'REVOKED', 'user' }
  end
  if now >= stop or now >= expires then
    return { 'EXPIRED' }
  end
  if ARGV[11] == '0' then
    return { 'UNKNOWN' }
  end
  generation, rotated = 0, created
  redis.call('HSET', family, 'a', stop, 'g', 0, 'r', created, 't', created, 'k', version)
  redis.call('PEXPIREAT', family, stop)
  redis.call('SET', listed, '1', 'PXAT', expires)
  redis.call('ZADD', index, created, sid)
  keep(index, stop)
end

if now >= stop then
  return { 'EXPIRED' }
end
created = tonumber(created)
if created <= cut then
  bury(family, index, sid, 'user', stop, now + access)
  return { 'REVOKED', 'user' }
end

generation, rotated, granted = tonumber(generation), tonumber(rotated), tonumber(granted or 0)

-- A stored time ahead of the clock, from before it was set back, would lengthen a window.
if rotated > now then
  rotated = now
  redis.call('HSET', family, 'r', now)
end
if granted > now then
  granted = now
  redis.call('HSET', family, 'l', now)
end

local opened = math.max(rotated, granted)
local open = now - opened

local function grant(kind)
  return { kind, generation, rotated, created, stop, now, tonumber(version) }
end

local function advance(kind, to, is_seen)
  generation, rotated = to, now
  redis.call('HSET', family, 'g', to, 'r', now, 'c', is_seen)
  redis.call('PEXPIREAT', family, math.min(second(now + idle), stop))
  return grant(kind)
end

if presented > generation then
  return advance('AHEAD', presented, 1)
end

if presented == generation then
  -- The token of a login has no window: its first use is never a late repetition.
  if generation > 0 and open < 2 * overlap then
    if seen ~= '1' then
      redis.call('HSET', family, 'c', 1)
    end
    return grant('SAME')
  end
  return advance('ROTATED', generation + 1, 0)
end

if presented == generation - 1 then
  if open < overlap then
    return grant('REPLAY')
  end
  -- A slow tab may have shown the successor to be alive while another still waits for it.
  local undelivered = seen ~= '1' or open < 2 * overlap
  -- Handed out by forgiveness itself: the owner and a thief would be taking turns.
  local in_turn = tonumber(handed or -1) == presented
  local affordable = not made_good or opened - tonumber(made_good) > budget
  if undelivered and not in_turn and affordable and now - rotated < idle then
    redis.call('HSET', family, 'l', now, 'm', opened, 'o', generation)
    return grant('LOST')
  end
end

bury(family, index, sid, 'reuse', stop, now + access)
return { 'REUSE', now }
