-- Keep the lease of a shard, if nobody else has led it since we took it.
--
-- KEYS  lease, leader
-- ARGV  token, milliseconds
--
-- Answers the lease as it is then, the token and the text parted by a blank, and its milliseconds; nothing where
-- nobody has it.

local token = ARGV[1] .. ' '
local lease = redis.call('GET', KEYS[1])
local leader = redis.call('GET', KEYS[2])
if leader and string.sub(leader, 1, #token) == token then
  lease = leader
  redis.call('SET', KEYS[1], lease, 'PX', ARGV[2])
end
if not lease then
  return {}
end
return {lease, redis.call('PTTL', KEYS[1])}
