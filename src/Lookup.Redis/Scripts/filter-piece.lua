-- Replaces a piece of the filter that is being built if it is unchanged since it was read: writers set bits at the same time.
-- KEYS: meta, the filter, its sums. ARGV: accepted epochs (",one,other,"), generations as in meta, steps done, offset, expected piece,
-- new piece, number of the piece, its new sum. Each step requires the one before it, so a server that lost one in a failover stops the
-- build.
-- Returns {0, epoch}, {1, generations} if they are not the expected ones, {2, 1} if done, or {2, 0, piece} with the current piece.
local call = redis.call
local meta = call('HMGET', KEYS[1], 'e', 'g', 'b')
if not string.find(ARGV[1], ',' .. (meta[1] or '') .. ',', 1, true) then return {0, meta[1]} end
if meta[2] ~= ARGV[2] or meta[3] ~= ARGV[3] then return {1, meta[2]} end
local there = call('GETRANGE', KEYS[2], ARGV[4], tonumber(ARGV[4]) + #ARGV[5] - 1)
if there ~= ARGV[5] then return {2, 0, there} end
call('SETRANGE', KEYS[2], ARGV[4], ARGV[6])
call('HSET', KEYS[3], ARGV[7], ARGV[8])
call('HSET', KEYS[1], 'b', string.format('%.0f', tonumber(ARGV[3]) + 1))
return {2, 1}
