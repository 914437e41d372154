-- Copies timelines of one partition from another encryption key, with their texts and claims: compare and set.
-- KEYS: meta, feed, counts, filter and sums of each generation, then buckets, detail and claim hashes in any order.
-- ARGV: accepted epochs (",one,"), generations as in meta, feed length, channel or '', number of generations, then for each timeline:
-- index of its bucket in KEYS, field, expected value, new value, number of texts and claims, erasures in the bucket when the expected
-- value was read, for each generation eight bits to set and their weights, then index in KEYS, field, expected and new value of each text
-- and claim.
-- Returns {0, epoch}, {1, generations} or {2, version, results...}: 1 changed, 0 unchanged, -1 if the timeline, a text or a claim
-- differs from the expected value, or something in the bucket was erased since it was read.
-- The order of the steps is that of write.lua.
local A = ARGV
local all, fields = generations(A[2], 4)
local meta = call('HMGET', KEYS[1], 'e', 'v', 'g', 'n', 'c', unpack(fields))
if not string.find(A[1], ',' .. (meta[1] or '') .. ',', 1, true) then return {0, meta[1]} end
if meta[3] ~= A[2] then return {1, meta[3]} end
for i, g in ipairs(all) do g.kept = meta[5 + i] == meta[2] end
local c = counts(KEYS[3], meta[2], meta[5])
local version = tonumber(meta[2])
local timelines = tonumber(meta[4])
local first = version
local limit = tonumber(A[3])
local bits_each = 9 * tonumber(A[5])
local result = {2, 0}
local length = 0
local at = 6
local total = #A
while at <= total do
  local bucket = KEYS[tonumber(A[at])]
  local field = A[at + 1]
  local expected = A[at + 2]
  local value = A[at + 3]
  local bits = at + 6
  local claims = bits + bits_each
  local stop = claims + 4 * tonumber(A[at + 4])
  local fits = (call('HGET', bucket, field) or '') == expected
    and (call('HGET', KEYS[1], 'x' .. string.sub(bucket, -2)) or '0') == A[at + 5]
  for k = claims, stop - 1, 4 do
    if fits and (call('HGET', KEYS[tonumber(A[k])], A[k + 1]) or '') ~= A[k + 2] then fits = false end
  end
  if not fits then
    result[#result + 1] = -1
  else
    local changed = 0
    for k = claims, stop - 1, 4 do
      if A[k + 3] ~= A[k + 2] then
        changed = 1
        if A[k + 3] == '' then call('HDEL', KEYS[tonumber(A[k])], A[k + 1]) else call('HSET', KEYS[tonumber(A[k])], A[k + 1], A[k + 3]) end
      end
    end
    if value ~= expected then
      changed = 1
      for g = 1, #all do set(all[g], bits + 9 * (g - 1)) end
      call('HSET', bucket, field, value)
      version = version + 1
      if expected == '' then
        timelines = timelines + 1
        count(c, bucket, 1)
      end
      length = call('RPUSH', KEYS[2],
        struct.pack('>I4I4', math.floor(version / 4294967296), version % 4294967296)
        .. string.sub(bucket, -2) .. field .. value)
    end
    result[#result + 1] = changed
  end
  at = stop
end
if version ~= first then
  if length > limit + limit / 4 then call('LTRIM', KEYS[2], -limit, -1) end
  finish(KEYS[1], all, c, version, timelines)
  if A[4] ~= '' then pcall('PUBLISH', A[4], string.sub(KEYS[1], 2, 3)) end
end
result[2] = string.format('%.0f', version)
return result
