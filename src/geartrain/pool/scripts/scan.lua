-- Some of the jobs, with the workloads that there is room for.
--
-- KEYS  jobs
-- ARGV  cursor, about how many, bytes of workloads that there is room for
--
-- Answers the next cursor, the bytes that were looked at, and for each job its number, the bytes of its workload and
-- its row, which ends with the head where there is no room. A row that is none has -1 for the bytes, and is whole.

local reply = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local room = tonumber(ARGV[3])
local rows = reply[2]
local bytes = 0
local found = {reply[1], 0}
for i = 1, #rows, 2 do
  local row = rows[i + 1]
  local size = -1
  bytes = bytes + #row
  if #row >= 4 then
    local head = 4 + struct.unpack('>I4', row)
    size = math.max(#row - head, -1)
    if size > room then
      row = string.sub(row, 1, head)
    elseif size > 0 then
      room = room - size
    end
  end
  found[#found + 1] = rows[i]
  found[#found + 1] = size
  found[#found + 1] = row
end
found[2] = bytes
return found
