-- Removes every timeline, detail and claim of a number and stores one timeline in their place.
-- KEYS: meta, feed, counts, bucket, details, claims, then filter and sums of each generation.
-- ARGV: accepted epochs (",one,other,"), generations as in meta, channel or '', the pseudonym's part of a field, field and value of the
-- timeline to store, field of its detail and the text (both empty for none), then for each generation eight bits to set and their weights.
-- Returns {0, epoch}, {1, generations} or {2, version, timelines removed, field and value of the last change}.
local A = ARGV
local all, fields = generations(A[2], 7)
local meta = call('HMGET', KEYS[1], 'e', 'v', 'g', 'n', 'c', unpack(fields))
if not string.find(A[1], ',' .. (meta[1] or '') .. ',', 1, true) then return {0, meta[1]} end
if meta[3] ~= A[2] then return {1, meta[3]} end
local c = counts(KEYS[3], meta[2], meta[5])
local version = tonumber(meta[2])
local timelines = tonumber(meta[4])
local prefix = A[4]
local bucket = KEYS[4]
local last = {}
local function feed(field, value)
  version = version + 1
  last = {field, value}
  call('RPUSH', KEYS[2],
    struct.pack('>I4I4', math.floor(version / 4294967296), version % 4294967296)
    .. string.sub(bucket, -2) .. field .. value)
end
for i, g in ipairs(all) do
  g.kept = meta[5 + i] == meta[2]
  set(g, 9 * i)
end
-- Write the new timeline before removing anything, so that the number is never free. Lower the count before removing anything: if a
-- server loses the end of this script, the partition has more timelines than it counts, which can be repaired, never fewer.
-- The counter of erasures tells a process that copies timelines to this bucket (phase 1 of a key rotation) whether any was erased
-- since it read them.
local stage = tonumber(string.match(meta[1], '/(%d+)$'))
if stage and stage % 3 == 1 then call('HINCRBY', KEYS[1], 'x' .. string.sub(bucket, -2), 1) end
local removed = 0
local difference = call('HSET', bucket, A[5], A[6])
if difference == 0 then removed = 1 end
feed(A[5], A[6])
local gone = {}
for _, field in ipairs(call('HKEYS', bucket)) do
  if string.sub(field, 1, #prefix) == prefix and field ~= A[5] then gone[#gone + 1] = field end
end
difference = difference - #gone
timelines = timelines + difference
removed = removed + #gone
if #gone > 0 then call('HSET', KEYS[1], 'n', string.format('%.0f', timelines)) end
for _, field in ipairs(gone) do
  feed(field, '')
  call('HDEL', bucket, field)
end
for k = 5, 6 do
  for _, field in ipairs(call('HKEYS', KEYS[k])) do
    if string.sub(field, 1, #prefix) == prefix then call('HDEL', KEYS[k], field) end
  end
end
if A[7] ~= '' then call('HSET', KEYS[5], A[7], A[8]) end
if difference ~= 0 then count(c, bucket, difference) end
finish(KEYS[1], all, c, version, timelines)
if A[3] ~= '' then pcall('PUBLISH', A[3], string.sub(KEYS[1], 2, 3)) end
return {2, string.format('%.0f', version), removed, last[1], last[2]}
