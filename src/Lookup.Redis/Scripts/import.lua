-- Writes the record of an import if the stored text is the expected one; a new record expects an empty text. Removes old records of
-- imports that recorded nothing.
-- KEYS: manifest, imports, their order, those that recorded nothing, the imports of its register (unused without a register), the
-- numbers of its sources. ARGV: epoch, id, expected text or '', text, its score in the order, its register or '', 1 if it recorded
-- nothing, now, and the time before which those that recorded nothing are removed.
-- Returns {0, epoch} or {2, 1 or 0}.
local call = redis.call
if call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return {0, call('HGET', KEYS[1], 'epoch')} end
if (call('HGET', KEYS[2], ARGV[2]) or '') ~= ARGV[3] then return {2, 0} end
call('HSET', KEYS[2], ARGV[2], ARGV[4])
call('ZADD', KEYS[3], ARGV[5], ARGV[2])
if ARGV[6] ~= '' then call('SADD', KEYS[5], ARGV[2]) end
if ARGV[7] == '1' then
  call('ZADD', KEYS[4], ARGV[8], ARGV[2])
  call('EXPIRE', KEYS[6], 172800)
else
  call('ZREM', KEYS[4], ARGV[2])
  call('PERSIST', KEYS[6])
end
for _, id in ipairs(call('ZRANGEBYSCORE', KEYS[4], '-inf', ARGV[9], 'LIMIT', 0, 16)) do
  -- An earlier version, which does not know this list, may have continued the import. Such a version writes no form.
  local text = call('HGET', KEYS[2], id) or ''
  if string.find(text, '"form":1', 1, true) and not string.find(text, '"announced":', 1, true) then
    call('HDEL', KEYS[2], id)
    call('ZREM', KEYS[3], id)
  end
  call('ZREM', KEYS[4], id)
end
return {2, 1}
