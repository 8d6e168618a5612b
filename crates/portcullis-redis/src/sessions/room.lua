
-- The second part of the scripts that make room for a family.

-- Adds the last eight families that were ended for want of room, while their access tokens may
-- live: whoever ended them may not have got to tell the nodes.
local function add_lately_evicted(families, index, access, evicted)
  local from, to = string.format('%.0f', -now - access), string.format('(%.0f', -now)
  for _, sid in ipairs(redis.call('ZRANGE', index, from, to, 'BYSCORE', 'LIMIT', 0, 8)) do
    if redis.call('HGET', families .. sid, 's') == 'evicted' then
      evicted[#evicted + 1] = sid
    end
  end
end

-- Ends the oldest living families until at most `most` are left. Tells how many are left, and, if
-- any was ended, the ids of those that the nodes have to be told of.
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
  if #living > most then
    add_lately_evicted(families, index, access, evicted)
  end
  for i = 1, #living - most do
    local sid, stop = unpack(living[i])
    bury(families .. sid, index, sid, 'evicted', stop, now + access)
    evicted[#evicted + 1] = sid
  end
  return math.min(#living, most), evicted
end

-- Forgets families of no more use, a hundred of each kind at a time, once the index names more
-- than `most`: those that the cut refuses anyhow, and tombstones whose access tokens have expired.
-- What they refused is then refused as unknown.
local function forget_spent(families, index, cut, most)
  if redis.call('ZCARD', index) <= most then
    return
  end
  local function forget(from, to)
    for _, sid in ipairs(redis.call('ZRANGE', index, from, to, 'BYSCORE', 'LIMIT', 0, 100)) do
      redis.call('DEL', families .. sid)
      redis.call('ZREM', index, sid)
    end
  end
  forget(string.format('%.0f', -now), '(0')
  forget('(0', string.format('%.0f', cut))
end
