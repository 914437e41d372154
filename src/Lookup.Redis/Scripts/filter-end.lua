-- Ends the build of a filter: the new one answers from now on, or the old one alone again.
-- KEYS: meta. ARGV: epochs taken (",one,other,"), generations as in meta, steps done or '' where it is given up, generations
-- to be, time, field of the filter that goes. Answers {0, epoch}, {1, generations} where it is not as expected, or {2}.
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
