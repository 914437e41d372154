-- Writes what an administrator asked for, or removes it where it is empty, if it is still what is expected; nothing is expected of a new
-- one. It goes by itself.
-- KEYS: manifest, approval. ARGV: epoch, expected text or '', text or '', milliseconds that it stays.
-- Answers {0, epoch} or {2, 1 or 0}.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return {0, redis.call('HGET', KEYS[1], 'epoch')} end
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[2] then return {2, 0} end
if ARGV[3] == '' then redis.call('DEL', KEYS[2]) else redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4]) end
return {2, 1}
