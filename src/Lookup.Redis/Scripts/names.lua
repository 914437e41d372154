-- Registers names of scopes; the first name of a scope stays. A name that only the results of calls have used is marked.
-- KEYS: manifest, names. ARGV: epoch, then scope, name and '1' for the result of a call, else '0', of each.
-- Returns {0, epoch} or {2, the registered name of each scope, and whether it is marked...}.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return {0, redis.call('HGET', KEYS[1], 'epoch')} end
local result = {2}
for i = 2, #ARGV, 3 do
  local mark = ARGV[i] .. ':calls'
  local isNew = redis.call('HSETNX', KEYS[2], ARGV[i], ARGV[i + 1]) == 1
  if ARGV[i + 2] == '0' then
    redis.call('HDEL', KEYS[2], mark)
  elseif isNew then
    redis.call('HSET', KEYS[2], mark, '1')
  end
  result[#result + 1] = redis.call('HGET', KEYS[2], ARGV[i])
  result[#result + 1] = redis.call('HEXISTS', KEYS[2], mark)
end
return result
