-- Begins a filter: an empty one beside that which answers. From now on writers set the bits of what they write in both.
-- KEYS: meta, the new filter, its sums. ARGV: epochs taken (",one,other,"), generations as in meta, generations to be, number of the new one, offset of
-- its last byte. Numbers are given out once: what a builder that was overtaken still sends must not fit another's filter.
-- Answers {0, epoch}, {1, generations} where it is not as expected, or {2}.
local call = redis.call
local meta = call('HMGET', KEYS[1], 'e', 'g', 'l', 'v')
if not string.find(ARGV[1], ',' .. (meta[1] or '') .. ',', 1, true) then return {0, meta[1]} end
if meta[2] ~= ARGV[2] or tonumber(meta[3] or 0) >= tonumber(ARGV[4]) then return {1, meta[2]} end
call('DEL', KEYS[2], KEYS[3])
call('SETRANGE', KEYS[2], ARGV[5], '\0')
call('HSET', KEYS[1], 'l', ARGV[4], 'b', '0', 's' .. ARGV[4], meta[4])
call('HSET', KEYS[1], 'g', ARGV[3])
return {2}
