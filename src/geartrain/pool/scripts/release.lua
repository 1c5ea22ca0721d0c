-- Give up the lease of a shard, if it is ours.
--
-- KEYS  lease, leader
-- ARGV  token

local token = ARGV[1] .. ' '
for _, key in ipairs(KEYS) do
  local lease = redis.call('GET', key)
  if lease and string.sub(lease, 1, #token) == token then
    redis.call('DEL', key)
  end
end
return redis.status_reply('OK')
