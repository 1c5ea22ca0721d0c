-- Say that a server lives, and hear of the others.
--
-- KEYS  members: by server the time of its last beat, and its text behind a blank
-- ARGV  server, text, milliseconds of silence after which a server is forgotten
--
-- Answers for each server its name, the milliseconds since its last beat, and its text.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[1] ~= '' then
  redis.call('HSET', KEYS[1], ARGV[1], string.format('%d', now) .. ' ' .. ARGV[2])
end
local found = {}
local members = redis.call('HGETALL', KEYS[1])
for i = 1, #members, 2 do
  local beat, text = string.match(members[i + 1], '^(%d+) (.*)$')
  local age = beat and math.max(now - tonumber(beat), 0)
  if not age or age > tonumber(ARGV[3]) then
    redis.call('HDEL', KEYS[1], members[i])
  else
    found[#found + 1] = {members[i], age, text}
  end
end
return found
