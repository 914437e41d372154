-- Counts the timelines of consecutive buckets.
-- KEYS: meta, counts, buckets. ARGV: accepted epochs (",one,other,"), length of the counts, number of the first bucket.
-- Returns {0, epoch}, {1} if the counts are missing, or {2}.
local epoch = redis.call('HGET', KEYS[1], 'e')
if not string.find(ARGV[1], ',' .. (epoch or '') .. ',', 1, true) then return {0, epoch} end
if redis.call('STRLEN', KEYS[2]) ~= tonumber(ARGV[2]) then return {1} end
local all = {}
local at = 16 * tonumber(ARGV[3])
for i = 3, #KEYS do
  all[#all + 1] = 'SET'
  all[#all + 1] = 'u16'
  all[#all + 1] = at
  all[#all + 1] = math.min(65535, redis.call('HLEN', KEYS[i]))
  at = at + 16
end
redis.call('BITFIELD', KEYS[2], (unpack or table.unpack)(all))
return {2}
