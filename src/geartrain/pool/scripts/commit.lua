-- Keep a batch of jobs, or a part of a large one: all of it, or nothing where the lease is another's.
--
-- KEYS  lease, leader, jobs, dead, results, documents, number, aside
-- ARGV  token, milliseconds of the lease, last number (empty: as it is),
--       how many arguments belong to each of the sections below, and those arguments
--
-- Whatever is done twice is the same as done once. Where nobody leads, the engine may have lost its data: that is another
-- error, as our lease may yet be renewed.

local HEADER = 3
local SECTIONS = {
  {'HDEL', 3},      -- jobs that an earlier batch added and nobody was promised
  {'HSET', 6},      -- documents
  {'HDEL', 6},
  {'HSET', 3},      -- jobs
  {'CHANGE', 3},    -- heads of jobs that are there
  {'HSET', 4},      -- dead letters
  {'HDEL', 4},
  {'HSET', 8},      -- rows that are no jobs
  {'END', 3},       -- jobs that are over, dead letters among them
  {'HSET', 5},      -- results
  {'HDEL', 5},
}
local MOST = 2000   -- arguments of one command: Lua's stack has room for some thousand

local token = ARGV[1] .. ' '
local lease = redis.call('GET', KEYS[1])
local is_there = lease
if not lease then
  lease = redis.call('GET', KEYS[2])  -- it ran out: if nobody else has led since, nothing was missed
end
if not lease or string.sub(lease, 1, #token) ~= token then
  if not is_there then
    return redis.error_reply('LEADERLESS the lease of the shard is nobody\'s')
  end
  return redis.error_reply('FENCED the lease of the shard is another server\'s')
end

-- The first write decides whether an engine without memory lets the others happen: SET asks for memory, PEXPIRE not.
local grows = ARGV[3] ~= '' or not is_there
for section, action in ipairs(SECTIONS) do
  grows = grows or ((action[1] == 'HSET' or action[1] == 'CHANGE') and ARGV[HEADER + section] ~= '0')
end
if grows then
  redis.call('SET', KEYS[1], lease, 'PX', ARGV[2])
else
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end

local function change(key, first, last)
  for i = first, last, 2 do
    local row = redis.call('HGET', key, ARGV[i])
    if row then
      local head = struct.unpack('>I4', row)
      redis.call('HSET', key, ARGV[i], ARGV[i + 1] .. string.sub(row, 5 + head))
    end
  end
end

local position = HEADER + #SECTIONS
for section, action in ipairs(SECTIONS) do
  local command, key = action[1], KEYS[action[2]]
  local stop = position + tonumber(ARGV[HEADER + section])
  while position < stop do
    local first, last = position + 1, math.min(position + MOST, stop)
    if command == 'CHANGE' then
      change(key, first, last)
    elseif command == 'END' then
      redis.call('HDEL', key, unpack(ARGV, first, last))
      redis.call('HDEL', KEYS[4], unpack(ARGV, first, last))
    else
      redis.call(command, key, unpack(ARGV, first, last))
    end
    position = last
  end
end

if ARGV[3] ~= '' then
  redis.call('SET', KEYS[7], ARGV[3])
end
return redis.status_reply('OK')
