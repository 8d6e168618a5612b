#!lua flags=no-writes
-- Lists the user's living families.
--
-- KEYS: the user's cut, the user's index. ARGV: what the names of the user's families begin with.
-- Reply: id, creation, last use and label (or nil) of each.

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local after = string.format('(%.0f', tonumber(redis.call('GET', KEYS[1]) or 0))
local reply = {}
for _, sid in ipairs(redis.call('ZRANGE', KEYS[2], after, '+inf', 'BYSCORE')) do
  local created, rotated, granted, label =
    unpack(redis.call('HMGET', ARGV[1] .. sid, 't', 'r', 'l', 'n'))
  -- One that idled out is still in the index, but gone.
  if created then
    local used = math.min(math.max(tonumber(rotated), tonumber(granted or 0)), now)
    for _, field in ipairs({ sid, tonumber(created), used, label }) do
      reply[#reply + 1] = field
    end
  end
end
return reply
