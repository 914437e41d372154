-- Removes every timeline, detail and claim of a number and stores one timeline in their place.
-- KEYS: meta, feed, bucket, details, claims, then the filters of the generations.
-- ARGV: epochs taken (",one,other,"), generations as in meta, channel or '', the number's part of a field, field and value of what stays, field of its
-- detail and the text (both empty for none), then for each generation eight bits to set.
-- Answers {0, epoch}, {1, generations} or {2, version, timelines removed}.
local call = redis.call
local A = ARGV
local meta = call('HMGET', KEYS[1], 'e', 'v', 'g', 'n')
if not string.find(A[1], ',' .. (meta[1] or '') .. ',', 1, true) then return {0, meta[1]} end
if meta[3] ~= A[2] then return {1, meta[3]} end
local version = tonumber(meta[2])
local count = tonumber(meta[4])
local prefix = A[4]
local function feed(field, value)
  version = version + 1
  call('RPUSH', KEYS[2],
    struct.pack('>I4I4', math.floor(version / 4294967296), version % 4294967296)
    .. string.sub(KEYS[3], -2) .. field .. value)
end
local at = 9
for g = 6, #KEYS do
  for i = at, at + 7 do call('SETBIT', KEYS[g], A[i], 1) end
  at = at + 8
end
-- What stays is written before anything goes, so that at no moment the number is free. The count is lowered before
-- anything goes: were a server to lose the end of this, the partition would have more timelines than it counts, which is
-- mended, never fewer.
-- Who copies timelines to this bucket, at stage 1 of 3 of another number key, looks whether any was erased since he read them.
local stage = tonumber(string.match(meta[1], '/(%d+)$'))
if stage and stage % 3 == 1 then call('HINCRBY', KEYS[1], 'x' .. string.sub(KEYS[3], -2), 1) end
local removed = 0
if call('HSET', KEYS[3], A[5], A[6]) == 1 then count = count + 1 else removed = 1 end
feed(A[5], A[6])
local gone = {}
for _, field in ipairs(call('HKEYS', KEYS[3])) do
  if string.sub(field, 1, #prefix) == prefix and field ~= A[5] then gone[#gone + 1] = field end
end
count = count - #gone
removed = removed + #gone
if #gone > 0 then call('HSET', KEYS[1], 'n', string.format('%.0f', count)) end
for _, field in ipairs(gone) do
  feed(field, '')
  call('HDEL', KEYS[3], field)
end
for k = 4, 5 do
  for _, field in ipairs(call('HKEYS', KEYS[k])) do
    if string.sub(field, 1, #prefix) == prefix then call('HDEL', KEYS[k], field) end
  end
end
if A[7] ~= '' then call('HSET', KEYS[4], A[7], A[8]) end
call('HSET', KEYS[1], 'v', string.format('%.0f', version), 'n', string.format('%.0f', count))
if A[3] ~= '' then redis.pcall('PUBLISH', A[3], string.sub(KEYS[1], 2, 3)) end
return {2, string.format('%.0f', version), removed}
