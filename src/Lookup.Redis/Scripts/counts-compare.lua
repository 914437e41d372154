-- Compares buckets with their counts.
-- KEYS: meta, counts, buckets. ARGV: length of the counts, then the number of each bucket.
-- Returns {epoch, version, 1 if the counts are trusted, version up to which they are maintained, 1 if they have the right length,
-- numbers of the buckets whose number of timelines differs...}.
local meta = redis.call('HMGET', KEYS[1], 'e', 'v', 'o', 'c')
local whole = redis.pcall('STRLEN', KEYS[2]) == tonumber(ARGV[1])
local result = {meta[1], meta[2], meta[3], meta[4], whole and 1 or 0}
if whole and meta[2] == meta[4] then
  for i = 3, #KEYS do
    local length = redis.pcall('HLEN', KEYS[i])
    local counted = redis.call('GETRANGE', KEYS[2], 2 * tonumber(ARGV[i - 1]), 2 * tonumber(ARGV[i - 1]) + 1)
    if type(length) ~= 'number' or math.min(65535, length) ~= 256 * string.byte(counted, 1) + string.byte(counted, 2) then
      result[#result + 1] = ARGV[i - 1]
    end
  end
end
return result
