-- Gives a source its number, from 2; the same one again for the same source. Those of imports are odd, see FactSource.
-- KEYS: manifest, sources, source-ids. ARGV: epoch, source, 1 for one of an import, else 0.
-- Answers {0, epoch} or {2, number}.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return {0, redis.call('HGET', KEYS[1], 'epoch')} end
local id = redis.call('HGET', KEYS[2], ARGV[2])
if not id then
  id = string.format('%.0f', 2 * redis.call('HINCRBY', KEYS[1], 'sources', 1) + tonumber(ARGV[3]))
  redis.call('HSET', KEYS[3], id, ARGV[2])
  redis.call('HSET', KEYS[2], ARGV[2], id)
end
return {2, tostring(id)}
