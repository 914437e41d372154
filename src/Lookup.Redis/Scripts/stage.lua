-- Sets fields of a hash if one of them has an expected value.
-- KEYS: the hash. ARGV: field, accepted values (",one,other,"), then fields to set and their values, empty to remove one.
-- Returns {0, value} if it has another one, or {2}.
local there = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if not string.find(ARGV[2], ',' .. there .. ',', 1, true) then return {0, there} end
for i = 3, #ARGV, 2 do
  if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[1], ARGV[i]) else redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
return {2}
