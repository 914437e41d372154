-- Replaces or removes timelines of one partition: compare and set, as in write.lua. The client computes the remaining value.
-- KEYS: meta, feed, counts, then buckets, detail and claim hashes in any order.
-- ARGV: accepted epochs (",one,other,"), feed length, channel or '', then for each timeline: index of its bucket in KEYS, field, expected
-- value, new value or '' to remove it, number of texts, number of claims, then index in KEYS and field of each text to remove, then of
-- each claim index in KEYS, field, expected value, new value or '', and 1 to remove it once the timeline is written.
-- Returns {0, epoch} or {2, version, results...}: 1 done, or 0 if the timeline or a claim differs from the expected value.
-- If a server loses the end of this script, a partition counts fewer timelines than it has, which can be repaired, never more; the next
-- revert finds the remains of a version.
local A = ARGV
local meta = call('HMGET', KEYS[1], 'e', 'v', 'n', 'g', 'c')
if not string.find(A[1], ',' .. (meta[1] or '') .. ',', 1, true) then return {0, meta[1]} end
-- No bits are set, so the filter sums stay valid.
local all, fields = generations(meta[4])
local upto = #fields > 0 and call('HMGET', KEYS[1], unpack(fields)) or {}
for i, g in ipairs(all) do g.kept = upto[i] == meta[2] end
local c = counts(KEYS[3], meta[2], meta[5])
local version = tonumber(meta[2])
local timelines = tonumber(meta[3])
local first = version
local limit = tonumber(A[2])
local length = 0
local result = {2, 0}
local plan = {}
local gone = 0
local at = 4
while at <= #A do
  local texts = at + 6
  local claims = texts + 2 * tonumber(A[at + 4])
  local stop = claims + 5 * tonumber(A[at + 5])
  local fits = (call('HGET', KEYS[tonumber(A[at])], A[at + 1]) or '') == A[at + 2]
  for k = claims, stop - 1, 5 do
    if fits and (call('HGET', KEYS[tonumber(A[k])], A[k + 1]) or '') ~= A[k + 2] then fits = false end
  end
  if fits then
    plan[#plan + 1] = {at, texts, claims, stop}
    if A[at + 3] == '' then gone = gone + 1 end
    result[#result + 1] = 1
  else
    result[#result + 1] = 0
  end
  at = stop
end
timelines = timelines - gone
if gone > 0 then call('HSET', KEYS[1], 'n', string.format('%.0f', timelines)) end
for _, p in ipairs(plan) do
  local at, texts, claims, stop = p[1], p[2], p[3], p[4]
  local bucket, field, value = KEYS[tonumber(A[at])], A[at + 1], A[at + 3]
  for t = texts, claims - 1, 2 do call('HDEL', KEYS[tonumber(A[t])], A[t + 1]) end
  for k = claims, stop - 1, 5 do
    if A[k + 3] == '' then
      call('HDEL', KEYS[tonumber(A[k])], A[k + 1])
    else
      call('HSET', KEYS[tonumber(A[k])], A[k + 1], A[k + 3])
    end
  end
  if value ~= A[at + 2] then
    version = version + 1
    length = call('RPUSH', KEYS[2],
      struct.pack('>I4I4', math.floor(version / 4294967296), version % 4294967296)
      .. string.sub(bucket, -2) .. field .. value)
    if value == '' then
      call('HDEL', bucket, field)
      count(c, bucket, -1)
    else
      call('HSET', bucket, field, value)
    end
  end
  for k = claims, stop - 1, 5 do
    if A[k + 4] == '1' then call('HDEL', KEYS[tonumber(A[k])], A[k + 1]) end
  end
end
if version ~= first then
  if length > limit + limit / 4 then call('LTRIM', KEYS[2], -limit, -1) end
  finish(KEYS[1], all, c, version, timelines)
  if A[3] ~= '' then pcall('PUBLISH', A[3], string.sub(KEYS[1], 2, 3)) end
end
result[2] = string.format('%.0f', version)
return result
