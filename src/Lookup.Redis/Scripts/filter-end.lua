-- Finishes the build of a filter: activates the new one, or keeps the old one alone.
-- KEYS: meta. ARGV: accepted epochs (",one,other,"), generations as in meta, steps done or '' to give up, new generations, time, field
-- of the filter to remove. Returns {0, epoch}, {1, generations} if they are not the expected ones, or {2}.
local call = redis.call
local meta = call('HMGET', KEYS[1], 'e', 'g', 'b')
if not string.find(ARGV[1], ',' .. (meta[1] or '') .. ',', 1, true) then return {0, meta[1]} end
if meta[2] ~= ARGV[2] or (ARGV[3] ~= '' and meta[3] ~= ARGV[3]) then return {1, meta[2]} end
if ARGV[3] == '' then
  call('HSET', KEYS[1], 'g', ARGV[4])
else
  call('HSET', KEYS[1], 'g', ARGV[4], 't', ARGV[5])
end
call('HDEL', KEYS[1], ARGV[6])
return {2}
