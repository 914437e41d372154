-- Registers names of scopes; the first name of a scope stays.
-- KEYS: manifest, names. ARGV: epoch, then scope and name of each.
-- Returns {0, epoch} or {2, the registered name of each scope...}.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return {0, redis.call('HGET', KEYS[1], 'epoch')} end
local result = {2}
for i = 2, #ARGV, 2 do
  redis.call('HSETNX', KEYS[2], ARGV[i], ARGV[i + 1])
  result[#result + 1] = redis.call('HGET', KEYS[2], ARGV[i])
end
return result
