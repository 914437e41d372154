-- Stores timelines of one partition: compare and set. The client merges; this script only decides which writer was first.
-- KEYS: meta, feed, counts, filter and sums of each generation, then buckets, detail and claim hashes in any order.
-- ARGV: accepted epochs (",one,other,"), generations as in meta, feed length, channel or '', number of generations, 1 to store all or
-- nothing, then for each timeline: index of its bucket in KEYS, field, expected value, new value, number of new texts, number of changed
-- claims and texts, for each generation eight bits to set and their weights, then index in KEYS, field and text of each new text, then
-- index in KEYS, field, expected and new value of each change.
-- Returns {0, epoch} (another store), {1, generations} (send again with these), {3} (all or nothing, and a timeline differs from the
-- expected value) or {2, version, results...}: 1 stored, 0 unchanged, or the current value if it or a claim differs from the expected
-- one.
-- The bits are set first and the version last: if a server loses the end of a script, a stored timeline still has its bits and claims.
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
local total = #A
local at = 7
while A[6] == '1' and at <= total do
  if (call('HGET', KEYS[tonumber(A[at])], A[at + 1]) or '') ~= A[at + 2] then return {3} end
  at = at + 6 + bits_each + 3 * tonumber(A[at + 4]) + 4 * tonumber(A[at + 5])
end
at = 7
while at <= total do
  local bucket = KEYS[tonumber(A[at])]
  local field = A[at + 1]
  local expected = A[at + 2]
  local value = A[at + 3]
  local details = tonumber(A[at + 4])
  local claims = tonumber(A[at + 5])
  local bits = at + 6
  local texts = bits + bits_each
  local first_claim = texts + 3 * details
  at = first_claim + 4 * claims
  local current = call('HGET', bucket, field) or ''
  local fits = current == expected
  if fits then
    for k = first_claim, at - 1, 4 do
      if (call('HGET', KEYS[tonumber(A[k])], A[k + 1]) or '') ~= A[k + 2] then fits = false end
    end
  end
  if fits then
    for k = first_claim, at - 1, 4 do call('HSET', KEYS[tonumber(A[k])], A[k + 1], A[k + 3]) end
  end
  if current == value and (fits or claims + details == 0) then
    result[#result + 1] = 0
  elseif not fits then
    result[#result + 1] = current
  else
    for g = 1, #all do set(all[g], bits + 9 * (g - 1)) end
    for d = 0, details - 1 do
      local t = texts + 3 * d
      call('HSET', KEYS[tonumber(A[t])], A[t + 1], A[t + 2])
    end
    call('HSET', bucket, field, value)
    version = version + 1
    if expected == '' then
      timelines = timelines + 1
      count(c, bucket, 1)
    end
    length = call('RPUSH', KEYS[2],
      struct.pack('>I4I4', math.floor(version / 4294967296), version % 4294967296)
      .. string.sub(bucket, -2) .. field .. value)
    result[#result + 1] = 1
  end
end
if version ~= first then
  if length > limit + limit / 4 then call('LTRIM', KEYS[2], -limit, -1) end
  finish(KEYS[1], all, c, version, timelines)
  -- A hint for followers only: if the user lacks the right to publish, they still poll.
  if A[4] ~= '' then pcall('PUBLISH', A[4], string.sub(KEYS[1], 2, 3)) end
end
result[2] = string.format('%.0f', version)
return result
