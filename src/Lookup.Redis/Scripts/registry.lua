-- Sets one field of the registry, or removes it if the value is empty, and increments the version.
-- KEYS: manifest, the hash to change, then all hashes of the registry. ARGV: epoch, field, value, mark of the new version.
-- Returns {0, epoch} or {2, version}.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return {0, redis.call('HGET', KEYS[1], 'epoch')} end
local hashes = {}
for i = 3, #KEYS do hashes[#hashes + 1] = KEYS[i] end
local before = redis.call('HGET', KEYS[2], ARGV[2])
local version = moved(KEYS[1], hashes, {{KEYS[2], ARGV[2], before, ARGV[3] ~= '' and ARGV[3]}}, ARGV[4])
if ARGV[3] == '' then redis.call('HDEL', KEYS[2], ARGV[2]) else redis.call('HSET', KEYS[2], ARGV[2], ARGV[3]) end
return {2, string.format('%.0f', version)}
