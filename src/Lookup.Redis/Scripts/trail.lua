-- Appends an entry to the trail if the newest entry is the expected one, so that two writers never continue the same entry.
-- KEYS: manifest, trail. ARGV: epoch, newest entry or '', new entry. Returns {0, epoch}, {3, newest entry} or {2}.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return {0, redis.call('HGET', KEYS[1], 'epoch')} end
local newest = redis.call('LINDEX', KEYS[2], -1) or ''
if newest ~= ARGV[2] then return {3, newest} end
redis.call('RPUSH', KEYS[2], ARGV[3])
return {2}
