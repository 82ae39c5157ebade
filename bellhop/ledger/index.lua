-- index: make events that came lately findable by what they are about.
--
-- accept only notes what an event is about. Here it is written into the indexes, many events at a time:
-- a type or an account that they share costs one call, not one for each. Whoever wants to find
-- something has this done first, so that it misses nothing.
--
-- An index lives as long as something is added to it, and is rid of what is too old when something is.
--
-- ARGV: now, most events
-- Returns: how many events still wait to be indexed

local now = clock(ARGV[1])
local most = tonumber(ARGV[2])

local indexes = {}
local hours = 0

local function add(name, created, order)
  local members = indexes[name]
  if not members then
    members = {}
    indexes[name] = members
  end
  members[#members + 1] = created
  members[#members + 1] = order
end

-- A ledger of version 1 noted how many milliseconds an event is kept.
local function hours_of(kept)
  return tonumber(kept) < HOUR and tonumber(kept) or math.ceil(tonumber(kept) / HOUR)
end

for _, noted in ipairs(redis.call('LRANGE', key('unindexed'), 0, most - 1)) do
  local order, created, kept, subjects = string.match(noted, '^(%d+) (%-?%d+) (%d+) (.*)$')
  if order then
    hours = math.max(hours, hours_of(kept))
    add('created', created, order)
    for _, subject in ipairs(texts(decoded(subjects))) do
      add('index:' .. subject, created, order)
    end
  else
    note('unindexed', noted)
  end
end
redis.call('LTRIM', key('unindexed'), most, -1)

local retention = hours * HOUR

for name, members in pairs(indexes) do
  local index = key(name)
  redis.call('ZADD', index, unpack(members))
  redis.call('PEXPIRE', index, retention)
  redis.call('ZREMRANGEBYSCORE', index, '-inf', now - retention)
end

return redis.call('LLEN', key('unindexed'))
