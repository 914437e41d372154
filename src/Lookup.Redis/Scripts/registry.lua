-- Sets one field of the registry, or removes it where the value is empty, and moves its version.
-- KEYS: manifest, a hash of the registry. ARGV: epoch, field, value. Answers {0, epoch} or {2, version}.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return {0, redis.call('HGET', KEYS[1], 'epoch')} end
if ARGV[3] == '' then redis.call('HDEL', KEYS[2], ARGV[2]) else redis.call('HSET', KEYS[2], ARGV[2], ARGV[3]) end
return {2, tostring(redis.call('HINCRBY', KEYS[1], 'registry', 1))}
