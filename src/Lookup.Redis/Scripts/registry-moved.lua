-- Shared by the scripts that change the registry: moves its version and keeps its stamp, "version:sum:marks".
-- The sum covers everything that the registry holds, so a hash that was changed or restored past the service is noticed. The
-- marks are random, one for each of the newest versions: two histories never give the same version the same mark. An older
-- version of the service keeps no stamp; after it the sum is computed from what is there, and the marks start again.
local MARK, KEPT, MODULUS = 16, 64, 4503599627370496

-- The same is computed by RegistryStamp.cs. A missing value weighs nothing.
local function weight(hash, field, value)
  return value and tonumber(string.sub(redis.sha1hex(string.match(hash, ':(.*)$') .. '\0' .. field .. '\0' .. value), 1, 12), 16) or 0
end

-- Called before the change. manifest, hashes: the whole registry; hash, field, before, after: the change; mark: of the new version.
-- Returns the new version.
local function moved(manifest, hashes, hash, field, before, after, mark)
  local stamp = redis.call('HGET', manifest, 'registry_stamp') or ''
  local version = redis.call('HINCRBY', manifest, 'registry', 1)
  local upto, sum, marks = string.match(stamp, '^(%d+):(%d+):(.*)$')
  if tonumber(upto or -1) ~= version - 1 then
    sum, marks = 0, ''
    for i = 1, #hashes do
      local all = redis.call('HGETALL', hashes[i])
      for k = 1, #all, 2 do sum = (sum + weight(hashes[i], all[k], all[k + 1])) % MODULUS end
    end
  end
  sum = (tonumber(sum) - weight(hash, field, before) + weight(hash, field, after)) % MODULUS
  redis.call('HSET', manifest, 'registry_stamp',
    string.format('%.0f:%.0f:%s', version, sum, string.sub(marks .. mark, -MARK * KEPT)))
  return version
end
