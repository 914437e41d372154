-- Writes a credential if the stored text is the expected one, and increments the version of the registry. A new credential expects
-- an empty text.
-- KEYS: manifest, credentials, then all hashes of the registry. ARGV: epoch, id, expected text or '', text, mark of the new
-- version. Returns {0, epoch} or {2, 1 or 0}.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return {0, redis.call('HGET', KEYS[1], 'epoch')} end
local before = redis.call('HGET', KEYS[2], ARGV[2])
if (before or '') ~= ARGV[3] then return {2, 0} end
local hashes = {}
for i = 3, #KEYS do hashes[#hashes + 1] = KEYS[i] end
moved(KEYS[1], hashes, {{KEYS[2], ARGV[2], before, ARGV[4]}}, ARGV[5])
redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
return {2, 1}
