-- Finishes counting: if the sum of the counts equals the number of timelines that the partition should have, they are trusted.
-- KEYS: meta, counts. ARGV: accepted epochs (",one,other,"), length of the counts, 1 to accept the counted number as the right one.
-- Returns {0, epoch}, {1} if the counts are missing or a write bypassed them, or {2, timelines counted, timelines expected}.
local meta = redis.call('HMGET', KEYS[1], 'e', 'v', 'n', 'c')
if not string.find(ARGV[1], ',' .. (meta[1] or '') .. ',', 1, true) then return {0, meta[1]} end
local counts = redis.call('GET', KEYS[2]) or ''
if meta[2] ~= meta[4] or #counts ~= tonumber(ARGV[2]) then return {1} end
local sum = 0
for i = 1, #counts, 64 do
  local bytes = {string.byte(counts, i, i + 63)}
  for k = 1, 64, 2 do sum = sum + 256 * bytes[k] + bytes[k + 1] end
end
if sum == tonumber(meta[3]) or ARGV[3] == '1' then
  redis.call('HSET', KEYS[1], 'o', '1', 'n', string.format('%.0f', sum))
end
return {2, string.format('%.0f', sum), meta[3]}
