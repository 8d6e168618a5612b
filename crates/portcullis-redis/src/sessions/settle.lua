#!lua
-- Writes a key's expiry once more, so that the connection has written something to wait for.
--
-- KEYS: the key. Reply: 1.

redis.call('PEXPIREAT', KEYS[1], redis.call('PEXPIRETIME', KEYS[1]))
return 1
