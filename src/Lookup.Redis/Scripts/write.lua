-- Stores timelines of one partition: compare and set. Merging is the client's; this only decides who was first.
-- KEYS: meta, feed, the filters of the generations, then buckets, detail and claim hashes in any order.
-- ARGV: epochs taken (",one,other,"), generations as in meta, feed length, channel or '', number of generations, 1 to store all or nothing, then for
-- each timeline: index of its bucket in KEYS, field, expected value, new value, number of details, number of changed claims, for
-- each generation eight bits to set, then index in KEYS, field and text of each detail, then index in KEYS, field, expected and
-- new value of each claim.
-- Answers {0, epoch} (another store), {1, generations} (ask again with these), {3} (all or nothing, and a timeline was not as
-- expected) or {2, version, results...}: 1 stored, 0 there already, or the value that was there where it or a claim was not as
-- expected.
-- The bits come first and the version last: were a server to lose the end of a script, a stored timeline would still
-- have its bits, and its claims.
local call = redis.call
local A = ARGV
local meta = call('HMGET', KEYS[1], 'e', 'v', 'g', 'n')
if not string.find(A[1], ',' .. (meta[1] or '') .. ',', 1, true) then return {0, meta[1]} end
if meta[3] ~= A[2] then return {1, meta[3]} end
local version = tonumber(meta[2])
local count = tonumber(meta[4])
local first = version
local limit = tonumber(A[3])
local generations = tonumber(A[5])
local result = {2, 0}
local length = 0
local total = #A
local at = 7
while A[6] == '1' and at <= total do
  if (call('HGET', KEYS[tonumber(A[at])], A[at + 1]) or '') ~= A[at + 2] then return {3} end
  at = at + 6 + 8 * generations + 3 * tonumber(A[at + 4]) + 4 * tonumber(A[at + 5])
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
  local texts = bits + 8 * generations
  local first_claim = texts + 3 * details
  at = first_claim + 4 * claims
  local current = call('HGET', bucket, field) or ''
  local fits = current == expected
  if fits then
    for c = first_claim, at - 1, 4 do
      if (call('HGET', KEYS[tonumber(A[c])], A[c + 1]) or '') ~= A[c + 2] then fits = false end
    end
  end
  if fits then
    for c = first_claim, at - 1, 4 do call('HSET', KEYS[tonumber(A[c])], A[c + 1], A[c + 3]) end
  end
  if current == value and (fits or claims == 0) then
    result[#result + 1] = 0
  elseif not fits then
    result[#result + 1] = current
  else
    for g = 1, generations do
      local b = bits + 8 * (g - 1)
      call('BITFIELD', KEYS[2 + g], 'SET', 'u1', A[b], '1', 'SET', 'u1', A[b + 1], '1', 'SET', 'u1', A[b + 2], '1',
        'SET', 'u1', A[b + 3], '1', 'SET', 'u1', A[b + 4], '1', 'SET', 'u1', A[b + 5], '1',
        'SET', 'u1', A[b + 6], '1', 'SET', 'u1', A[b + 7], '1')
    end
    for d = 0, details - 1 do
      local t = texts + 3 * d
      call('HSET', KEYS[tonumber(A[t])], A[t + 1], A[t + 2])
    end
    call('HSET', bucket, field, value)
    version = version + 1
    if expected == '' then count = count + 1 end
    length = call('RPUSH', KEYS[2],
      struct.pack('>I4I4', math.floor(version / 4294967296), version % 4294967296)
      .. string.sub(bucket, -2) .. field .. value)
    result[#result + 1] = 1
  end
end
if version ~= first then
  if length > limit + limit / 4 then call('LTRIM', KEYS[2], -limit, -1) end
  call('HSET', KEYS[1], 'v', string.format('%.0f', version), 'n', string.format('%.0f', count))
  -- Followers are only made aware: without the right to publish they poll all the same.
  if A[4] ~= '' then redis.pcall('PUBLISH', A[4], string.sub(KEYS[1], 2, 3)) end
end
result[2] = string.format('%.0f', version)
return result
