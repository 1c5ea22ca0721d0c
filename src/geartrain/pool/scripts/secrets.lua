-- Say the secrets by which the servers of a pool know each other, perhaps after a new one was set.
--
-- KEYS  facts
-- ARGV  a new secret or nothing, milliseconds for which the one before is accepted still
--
-- Answers the secret, and the one before as long as that is accepted; nothing where there is no pool.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[1] ~= '' then
  local before = redis.call('HGET', KEYS[1], 'secret')
  if not before then
    return {}
  end
  local until_then = string.format('%d', now + tonumber(ARGV[2]))
  redis.call('HSET', KEYS[1], 'secret', ARGV[1], 'secret_before', before, 'secret_before_until', until_then)
end
local found = redis.call('HMGET', KEYS[1], 'secret', 'secret_before', 'secret_before_until')
if not found[1] then
  return {}
end
if found[2] and tonumber(found[3]) > now then
  return {found[1], found[2]}
end
return {found[1]}
