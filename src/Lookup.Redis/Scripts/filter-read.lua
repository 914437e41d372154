-- Reads a piece of a filter with its sums and version in one step: writers may set bits at any other moment.
-- KEYS: meta, the filter, its sums. ARGV: number of the generation, first and last byte, first and last piece; no pieces: no bytes.
-- Returns {epoch, version, generations, version up to which the sums are maintained, length of the filter or -1, bytes, sums...}.
local meta = redis.call('HMGET', KEYS[1], 'e', 'v', 'g', 's' .. ARGV[1])
local length = redis.pcall('STRLEN', KEYS[2])
local whole = type(length) == 'number'
local result = {meta[1], meta[2], meta[3], meta[4], whole and length or -1, ''}
if whole and ARGV[4] then
  result[6] = redis.call('GETRANGE', KEYS[2], ARGV[2], ARGV[3])
  for piece = tonumber(ARGV[4]), tonumber(ARGV[5]) do
    local sum = redis.pcall('HGET', KEYS[3], piece)
    result[#result + 1] = type(sum) == 'string' and sum or '0'
  end
end
return result
