-- Writes blocks of numbers whose stored text is the expected one, and increments the version of the registry.
-- KEYS: manifest, blocks, their changes, then all hashes of the registry. ARGV: epoch, mark of the new version, then for each block its
-- field, the expected text or '', and the text. A field must not appear twice.
-- Returns {0, epoch}, or {2, and for each block 1 or 0}.
local call = redis.call
if call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return {0, call('HGET', KEYS[1], 'epoch')} end
local hashes = {}
for i = 4, #KEYS do hashes[#hashes + 1] = KEYS[i] end
local result, changes, fields = {2}, {}, {}
for i = 3, #ARGV, 3 do
  local before = call('HGET', KEYS[2], ARGV[i])
  local taken = (before or '') == ARGV[i + 1]
  result[#result + 1] = taken and 1 or 0
  if taken then
    changes[#changes + 1] = {KEYS[2], ARGV[i], before, ARGV[i + 2]}
    fields[#fields + 1] = ARGV[i]
  end
end
if #changes > 0 then
  moved(KEYS[1], hashes, changes, ARGV[2])
  -- Followers read the changes by this number, see blocks-read.lua.
  local number = call('HINCRBY', KEYS[1], 'blocks', 1)
  call('HSET', KEYS[3], string.format('%.0f', number), table.concat(fields, '\n'))
  for _, change in ipairs(changes) do call('HSET', KEYS[2], change[2], change[4]) end
end
return result
