-- Adds an empty filter next to the active one. From now on writers set their bits in both.
-- KEYS: meta, the new filter, its sums. ARGV: accepted epochs (",one,other,"), generations as in meta, new generations, number of the
-- new one, offset of its last byte. Numbers are assigned once, so late commands of a builder that was overtaken cannot match another
-- builder's filter.
-- Returns {0, epoch}, {1, generations} if they are not the expected ones, or {2}.
local call = redis.call
local meta = call('HMGET', KEYS[1], 'e', 'g', 'l', 'v')
if not string.find(ARGV[1], ',' .. (meta[1] or '') .. ',', 1, true) then return {0, meta[1]} end
if meta[2] ~= ARGV[2] or tonumber(meta[3] or 0) >= tonumber(ARGV[4]) then return {1, meta[2]} end
call('DEL', KEYS[2], KEYS[3])
call('SETRANGE', KEYS[2], ARGV[5], '\0')
call('HSET', KEYS[1], 'l', ARGV[4], 'b', '0', 's' .. ARGV[4], meta[4])
call('HSET', KEYS[1], 'g', ARGV[3])
return {2}
