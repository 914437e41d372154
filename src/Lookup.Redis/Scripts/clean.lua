-- Removes data under an encryption key that is no longer read: fields of the hashes of one partition, and the oldest changes.
-- Followers see no change, so the version stays.
-- KEYS: meta, feed, counts, then the hashes. ARGV: accepted epochs (",one,"), newest version to remove from the feed or 0, number of
-- fields that are timelines, then index of the hash in KEYS and field of each, those of timelines first.
-- Returns {0, epoch} or {2, number of timelines removed}.
local A = ARGV
local meta = call('HMGET', KEYS[1], 'e', 'n', 'v', 'c')
if not string.find(A[1], ',' .. (meta[1] or '') .. ',', 1, true) then return {0, meta[1]} end
local c = counts(KEYS[3], meta[3], meta[4])
local timelines = tonumber(A[3])
local there = 0
for i = 4, 3 + 2 * timelines, 2 do
  local bucket = KEYS[tonumber(A[i])]
  if call('HEXISTS', bucket, A[i + 1]) == 1 then
    there = there + 1
    count(c, bucket, -1)
  end
end
-- Lower the count first, as in erase.lua.
if there > 0 then call('HSET', KEYS[1], 'n', string.format('%.0f', tonumber(meta[2]) - there)) end
for i = 4, #A, 2 do call('HDEL', KEYS[tonumber(A[i])], A[i + 1]) end
counted(c)
local newest = tonumber(A[2])
while newest > 0 do
  local oldest = call('LINDEX', KEYS[2], 0)
  if not oldest then break end
  local high, low = struct.unpack('>I4I4', oldest)
  if high * 4294967296 + low > newest then break end
  call('LPOP', KEYS[2])
end
return {2, there}
