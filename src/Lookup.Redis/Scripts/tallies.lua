-- Shared by the scripts that store or remove timelines. Sets the bits of the filters, and maintains what later proves that neither
-- a filter nor a bucket has lost anything:
--   sums    of each piece of a filter: a weight for each set bit, added when the bit is first set
--   counts  of each bucket: its timelines, two bytes each
-- Both are valid up to the version stored with them in meta (fields "s" and the filter's generation, and "c"). A script of an older
-- version of the service increments the partition's version but not these, so counts that miss its writes are not trusted.
-- A key that is missing or has another length is left alone: SETBIT and BITFIELD would extend a short one to the full length, and a
-- lost filter would look like one without facts.
local call, pcall = redis.call, redis.pcall
local unpack = unpack or table.unpack
local BLOCK, PIECE, COUNTS = 32, 524288, 131072

-- text: generations as in meta. first: index in KEYS of the first filter, each followed by its sums; nil if no bits are set.
-- Returns the generations, and the names of their fields in meta.
local function generations(text, first)
  local all, fields = {}, {}
  for number, blocks in string.gmatch(text or '', '(%d+):(%d+)') do
    all[#all + 1] = {field = 's' .. number, size = BLOCK * tonumber(blocks), filter = first and KEYS[first], sums = first and KEYS[first + 1], added = {}}
    fields[#fields + 1] = 's' .. number
    first = first and first + 2
  end
  return all, fields
end

-- key: of the counts. version, upto: as in meta, the partition's version and the one up to which the counts are maintained.
local function counts(key, version, upto)
  return {key = key, kept = upto == version and pcall('STRLEN', key) == COUNTS, changes = {}}
end

-- at: index in ARGV of eight bits of one block, followed by their weights as one string.
local function set(g, at)
  if g.fits == nil then g.fits = pcall('STRLEN', g.filter) == g.size end
  if not g.fits then
    g.kept = false
    return
  end
  local before = call('BITFIELD', g.filter, 'SET', 'u1', ARGV[at], '1', 'SET', 'u1', ARGV[at + 1], '1', 'SET', 'u1', ARGV[at + 2], '1',
    'SET', 'u1', ARGV[at + 3], '1', 'SET', 'u1', ARGV[at + 4], '1', 'SET', 'u1', ARGV[at + 5], '1',
    'SET', 'u1', ARGV[at + 6], '1', 'SET', 'u1', ARGV[at + 7], '1')
  if not g.kept then return end
  local weights
  local sum = 0
  for i = 1, 8 do
    if before[i] == 0 then
      weights = weights or {struct.unpack('<I4I4I4I4I4I4I4I4', ARGV[at + 8])}
      sum = sum + weights[i]
    end
  end
  if sum > 0 then
    local piece = math.floor(tonumber(ARGV[at]) / PIECE)
    g.added[piece] = (g.added[piece] or 0) + sum
  end
end

-- difference: change of the number of timelines in the bucket.
local function count(c, bucket, difference)
  if not c.kept then return end
  local high, low = string.byte(bucket, -2, -1)
  local changes = c.changes
  local n = #changes
  changes[n + 1], changes[n + 2], changes[n + 3], changes[n + 4] = 'INCRBY', 'u16', 16 * (256 * high + low), difference
end

local function counted(c)
  if #c.changes > 0 then pcall('BITFIELD', c.key, 'OVERFLOW', 'SAT', unpack(c.changes)) end
end

-- Stores version and number of timelines of the partition, after all other writes.
local function finish(meta, all, c, version, timelines)
  local upto = string.format('%.0f', version)
  local fields = {'v', upto, 'n', string.format('%.0f', timelines)}
  for _, g in ipairs(all) do
    if g.kept then
      for piece, sum in pairs(g.added) do pcall('HINCRBY', g.sums, piece, string.format('%.0f', sum)) end
      fields[#fields + 1], fields[#fields + 2] = g.field, upto
    end
  end
  if c.kept then
    counted(c)
    fields[#fields + 1], fields[#fields + 2] = 'c', upto
  end
  call('HSET', meta, unpack(fields))
end

