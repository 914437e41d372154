-- Writes a credential if it is still what is expected, and moves the version of the registry; nothing is expected of a new one.
-- KEYS: manifest, credentials. ARGV: epoch, id, expected text or '', text. Answers {0, epoch} or {2, 1 or 0}.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return {0, redis.call('HGET', KEYS[1], 'epoch')} end
if (redis.call('HGET', KEYS[2], ARGV[2]) or '') ~= ARGV[3] then return {2, 0} end
redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
redis.call('HINCRBY', KEYS[1], 'registry', 1)
return {2, 1}
