-- Extends or releases the builder lock if the caller still holds it.
-- KEYS: builder. ARGV: its token, milliseconds to hold it, 0 to release it. Returns {2, 1 or 0}.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {2, 0} end
if ARGV[2] == '0' then redis.call('DEL', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return {2, 1}
