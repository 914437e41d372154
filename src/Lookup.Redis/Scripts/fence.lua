#!lua flags=allow-oom
-- Writes a process's fence into an existing hash: its stamp, the stamp that it had here before, and the time in seconds.
-- KEYS: meta of a partition, or the manifest. ARGV: name of the epoch's field, accepted epochs (",one,other,"), name of the version's
-- field, field of the fence, stamp, seconds, and 1 to remove fences older than a day. Returns the version, or nothing for another epoch.
-- A full server accepts it too: it overwrites a value of the same size.
local call = redis.call
if not string.find(ARGV[2], ',' .. (call('HGET', KEYS[1], ARGV[1]) or '') .. ',', 1, true) then return false end
local before = string.match(call('HGET', KEYS[1], ARGV[4]) or '', '^%d+') or '0'
call('HSET', KEYS[1], ARGV[4], ARGV[5] .. ',' .. before .. ',' .. ARGV[6])
if ARGV[7] == '1' then
  local all = call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    local raised = string.sub(all[i], 1, 2) == 'w:' and tonumber(string.match(all[i + 1], '(%d+)$'))
    if raised and raised < tonumber(ARGV[6]) - 86400 then call('HDEL', KEYS[1], all[i]) end
  end
end
return call('HGET', KEYS[1], ARGV[3]) or '0'
