-- Returns the number of a source; assigns one, from 2, at the first call. Numbers of imports are odd, see FactSource.
-- KEYS: manifest, sources, source-ids, the numbers of its import (unused without an import), new sources of the day.
-- ARGV: epoch, source, the text that earlier versions wrote for the source or '', 1 for a source of an import, else 0, credential,
-- maximum of its new sources per day or 0.
-- Returns {0, epoch}, {2, number}, or {4} if the credential has reached the maximum.
local call = redis.call
if call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return {0, call('HGET', KEYS[1], 'epoch')} end
local id = call('HGET', KEYS[2], ARGV[2])
if not id and ARGV[3] ~= '' then id = call('HGET', KEYS[2], ARGV[3]) end
if not id then
  local most = tonumber(ARGV[6])
  if most > 0 then
    if tonumber(call('HGET', KEYS[5], ARGV[5]) or '0') >= most then return {4} end
    call('HINCRBY', KEYS[5], ARGV[5], 1)
    call('EXPIRE', KEYS[5], 172800)
  end
  id = string.format('%.0f', 2 * call('HINCRBY', KEYS[1], 'sources', 1) + tonumber(ARGV[4]))
  call('HSET', KEYS[3], id, ARGV[2])
  call('HSET', KEYS[2], ARGV[2], id)
end
if ARGV[4] == '1' then call('SADD', KEYS[4], id) end
return {2, tostring(id)}
