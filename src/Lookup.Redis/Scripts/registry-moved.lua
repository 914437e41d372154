-- Shared by the scripts that change the registry: increments its version and updates its stamp, "version:sum:marks".
-- The sum covers the whole registry, so it exposes a hash that was changed or restored without the service. The marks are random, one
-- for each of the newest versions: two histories never give the same version the same mark. Older versions of the service write no
-- stamp; after such a change the sum is computed from the content, and the marks start again.
local MARK, KEPT, MODULUS = 16, 64, 4503599627370496

-- RegistryStamp.cs computes the same. A missing value has weight zero.
local function weight(hash, field, value)
  return value and tonumber(string.sub(redis.sha1hex(string.match(hash, ':(.*)$') .. '\0' .. field .. '\0' .. value), 1, 12), 16) or 0
end

-- Call before the changes. manifest, hashes: the whole registry; changes: each {hash, field, before, after}; mark: of the new version.
-- Returns the new version.
local function moved(manifest, hashes, changes, mark)
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
  sum = tonumber(sum)
  for _, change in ipairs(changes) do
    sum = (sum - weight(change[1], change[2], change[3]) + weight(change[1], change[2], change[4])) % MODULUS
  end
  redis.call('HSET', manifest, 'registry_stamp',
    string.format('%.0f:%.0f:%s', version, sum, string.sub(marks .. mark, -MARK * KEPT)))
  return version
end
