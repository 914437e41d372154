-- Writes an administrator's request if the stored text is the expected one, or removes it if the new text is empty. A new request
-- expects an empty text. Requests expire.
-- KEYS: manifest, approval. ARGV: epoch, expected text or '', text or '', milliseconds until it expires.
-- Returns {0, epoch} or {2, 1 or 0}.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return {0, redis.call('HGET', KEYS[1], 'epoch')} end
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[2] then return {2, 0} end
if ARGV[3] == '' then redis.call('DEL', KEYS[2]) else redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4]) end
return {2, 1}
