-- Stores the summary of an instance, or removes it if the text is empty; removes those that were not renewed; returns all that are left.
-- KEYS: manifest, instances. ARGV: epoch, id, text or '', time in milliseconds, milliseconds for which a summary is kept, most of them.
-- Returns {0, epoch} or {2, id, "time text", id, "time text", ...}.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return {0, redis.call('HGET', KEYS[1], 'epoch')} end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[2], ARGV[2])
elseif redis.call('HEXISTS', KEYS[2], ARGV[2]) == 1 or redis.call('HLEN', KEYS[2]) < tonumber(ARGV[6]) then
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[4] .. ' ' .. ARGV[3])
end
local all, left = redis.call('HGETALL', KEYS[2]), {2}
for i = 1, #all, 2 do
  if tonumber(string.match(all[i + 1], '^%d+') or 0) < tonumber(ARGV[4]) - tonumber(ARGV[5]) then
    redis.call('HDEL', KEYS[2], all[i])
  else
    left[#left + 1], left[#left + 2] = all[i], all[i + 1]
  end
end
return left
