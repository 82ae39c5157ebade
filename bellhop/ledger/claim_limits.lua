-- Of which handlers a worker may claim mail; put in front of every script, behind records.

-- How many more mailboxes of a handler may be claimed: none while it is paused, else as many as its
-- `concurrency` leaves.
local paused, limits
local function free_places(handler)
  if not paused then
    paused, limits = {}, {}
    for _, name in ipairs(redis.call('SMEMBERS', key('paused'))) do
      paused[name] = true
    end
    local all = redis.call('HGETALL', key('limits'))
    for i = 1, #all, 2 do
      limits[all[i]] = tonumber(all[i + 1])
    end
  end
  if paused[handler] then
    return 0
  end
  return limits[handler] and limits[handler] - redis.call('SCARD', key('working:' .. handler)) or math.huge
end

local function is_limited(handler)
  free_places(handler)
  return limits[handler] ~= nil
end

-- Slow handlers keep a worker for a second or more (sync ones that take so long, and async ones that
-- block the event loop), and quick ones of the same set would wait that long. So of each set with two workers or more, one begins with no slow handler.
local slow = {}
local function slow_of(set)
  if not slow[set] then
    slow[set] = {}
    for _, name in ipairs(redis.call('SMEMBERS', key('slow:' .. set))) do
      slow[set][name] = true
    end
  end
  return slow[set]
end

local function may_begin_slow(set, worker)
  local workers = 0
  for _, of in ipairs(redis.call('HVALS', key('workers'))) do
    workers = workers + (of == set and 1 or 0)
  end
  local others = 0
  for _, one in ipairs(redis.call('SMEMBERS', key('busy:' .. set))) do
    others = others + (one ~= worker and redis.call('ZSCORE', key('leases'), one) and 1 or 0)
  end
  return workers < 2 or others < workers - 1
end

-- Return those of some handlers of which a worker may claim mail, if there is some.
local function claimable(handlers, set, worker)
  local found, is_slow = {}, slow_of(set)
  local may_begin = not next(is_slow) or may_begin_slow(set, worker)
  for _, handler in ipairs(handlers) do
    if (may_begin or not is_slow[handler]) and free_places(handler) > 0 then
      found[#found + 1] = handler
    end
  end
  return found
end

-- Whether any of these handlers has mailboxes on one of its lists of these kinds.
local function any_listed(kinds, handlers)
  local lists = {}
  for _, kind in ipairs(kinds) do
    for _, handler in ipairs(handlers) do
      lists[#lists + 1] = key(kind .. handler)
    end
  end
  return #lists > 0 and redis.call('EXISTS', unpack(lists)) > 0
end
