
-- The second part of the scripts that make room for a family.

-- Ends the oldest living families until at most `most` are left. Tells how many are left, and the
-- ids of those that were ended.
local function make_room(families, index, cut, most, access)
  local living, evicted = {}, {}
  local after = string.format('(%.0f', cut)
  for _, sid in ipairs(redis.call('ZRANGE', index, after, '+inf', 'BYSCORE')) do
    local stop = redis.call('HGET', families .. sid, 'a')
    if stop then
      living[#living + 1] = { sid, tonumber(stop) }
    else
      redis.call('ZREM', index, sid)
    end
  end
  for i = 1, #living - most do
    local sid, stop = unpack(living[i])
    bury(families .. sid, index, sid, 'evicted', stop, now + access)
    evicted[i] = sid
  end
  return math.min(#living, most), evicted
end

-- Forgets ended families whose access tokens have expired, a hundred at a time, once the index
-- names more than `most`: what they refused is then refused as unknown.
local function forget_spent(families, index, cut, most, access)
  if redis.call('ZCARD', index) <= most then
    return
  end
  local spent =
    { redis.call('ZRANGE', index, string.format('%.0f', -now), '(0', 'BYSCORE', 'LIMIT', 0, 100) }
  if cut + access <= now then
    local upto = string.format('%.0f', cut)
    spent[2] = redis.call('ZRANGE', index, '(0', upto, 'BYSCORE', 'LIMIT', 0, 100)
  end
  for _, sids in ipairs(spent) do
    for _, sid in ipairs(sids) do
      redis.call('DEL', families .. sid)
      redis.call('ZREM', index, sid)
    end
  end
end
