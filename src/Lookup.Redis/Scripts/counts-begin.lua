-- Starts counting the timelines of each bucket of a partition; writers maintain the counts from now on. They are trusted once
-- counts-end.lua succeeds.
-- KEYS: meta, counts. ARGV: accepted epochs (",one,other,"), length of the counts. Returns {0, epoch} or {2}.
local meta = redis.call('HMGET', KEYS[1], 'e', 'v')
if not string.find(ARGV[1], ',' .. (meta[1] or '') .. ',', 1, true) then return {0, meta[1]} end
redis.call('HDEL', KEYS[1], 'o')
redis.call('DEL', KEYS[2])
redis.call('SETRANGE', KEYS[2], tonumber(ARGV[2]) - 1, '\0')
redis.call('HSET', KEYS[1], 'c', meta[2])
return {2}
