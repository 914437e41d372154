-- Reads the blocks that changed, each as it is now.
-- KEYS: manifest, blocks, their changes. ARGV: number of the first change, the number of values after which to stop.
-- Returns {epoch, number of the newest change, number of the last change read, then field and text of each block}.
local call = redis.call
local newest = tonumber(call('HGET', KEYS[1], 'blocks') or '0')
local at = tonumber(ARGV[1])
local result = {call('HGET', KEYS[1], 'epoch'), string.format('%.0f', newest), ''}
while at <= newest and #result < tonumber(ARGV[2]) do
  for field in string.gmatch(call('HGET', KEYS[3], string.format('%.0f', at)) or '', '[^\n]+') do
    result[#result + 1] = field
    result[#result + 1] = call('HGET', KEYS[2], field) or ''
  end
  at = at + 1
end
result[3] = string.format('%.0f', at - 1)
return result
