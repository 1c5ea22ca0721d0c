-- Take the lease of a shard, if it is free, ours already, or held with a token that was named.
--
-- KEYS  lease, leader
-- ARGV  token, text, milliseconds, token instead of which (empty: none)
--
-- Answers the lease as it is then, the token and the text parted by a blank, and its milliseconds.

local lease = redis.call('GET', KEYS[1])
local function is_held_with(token)
  return token ~= '' and string.sub(lease, 1, #token + 1) == token .. ' '
end
if not lease or is_held_with(ARGV[1]) or is_held_with(ARGV[4]) then
  lease = ARGV[1] .. ' ' .. ARGV[2]
  redis.call('SET', KEYS[1], lease, 'PX', ARGV[3])
  redis.call('SET', KEYS[2], lease)
end
return {lease, redis.call('PTTL', KEYS[1])}
