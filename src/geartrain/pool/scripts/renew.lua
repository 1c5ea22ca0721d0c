-- Keep the lease of a shard, if nobody else has led it since we took it, or if the engine has lost that we did.
--
-- KEYS  lease, leader, number
-- ARGV  token, milliseconds, text, the last number that was given (empty: the lease is only kept)
--
-- Answers the lease as it is then, the token and the text parted by a blank, its milliseconds, and 1 where the engine
-- has lost it; nothing where nobody has it. It has lost it where nobody leads and a number was given that it does not
-- know of: whoever leads has it keep numbers before they are given.

local token = ARGV[1] .. ' '
local lease = redis.call('GET', KEYS[1])
local leader = redis.call('GET', KEYS[2])
local number = tonumber(redis.call('GET', KEYS[3]) or -1)
local lost = 0
if leader and string.sub(leader, 1, #token) == token then
  lease = leader
  redis.call('SET', KEYS[1], lease, 'PX', ARGV[2])
elseif not lease and ARGV[4] ~= '' and number < tonumber(ARGV[4]) then
  lost = 1
  lease = token .. ARGV[3]
  redis.call('SET', KEYS[1], lease, 'PX', ARGV[2])
  redis.call('SET', KEYS[2], lease)
end
if not lease then
  return {}
end
return {lease, redis.call('PTTL', KEYS[1]), lost}
