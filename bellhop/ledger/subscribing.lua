-- Which handlers there are, and which workers have them; put in front of subscribe, sweep and others.
--
-- Workers with the same handlers form a set, which is known by its fingerprint. While any worker of a
-- set lives, each of its handlers is subscribed to the patterns that it has there: during a deploy, to
-- those of the old and of the new version. A handler that no live worker has stays subscribed as it was.
-- A hook's patterns are of other things than types of events, and under another name: `dead` and
-- `quarantined` (see hooks). So they are apart even if one version has a hook, and another a handler, of
-- the same name.

-- Return the handlers of a set, of each {name, patterns, hook (if it is one), concurrency (if it is
-- limited)}.
local function decode_set(set)
  local found, handlers = {}, decoded(redis.call('GET', key('set:' .. set))).handlers
  for _, one in ipairs(type(handlers) == 'table' and handlers or {}) do
    if type(one) == 'table' and type(one.name) == 'string' then
      local limit = type(one.concurrency) == 'number' and one.concurrency or nil
      local hook = type(one.hook) == 'string' and one.hook or nil
      found[#found + 1] = {name = one.name, patterns = texts(one.patterns), hook = hook, concurrency = limit}
    end
  end
  return found
end

-- A handler is limited from now on: what workers hold of it takes its places.
local function count_working(handler)
  for _, held in ipairs(held_of(handler)) do
    redis.call('SADD', key('working:' .. handler), held.mailbox)
  end
end

local function limit(handler, concurrency)
  if not concurrency then
    if redis.call('HDEL', key('limits'), handler) == 1 then
      redis.call('DEL', key('working:' .. handler))
    end
  elseif redis.call('HSET', key('limits'), handler, concurrency) == 1 then
    count_working(handler)
  end
end

-- An empty list of patterns, which a hook has, is not to be the empty object that cjson takes it for.
local function encoded(kinds)
  return (string.gsub(cjson.encode(kinds), '"patterns":{}', '"patterns":[]'))
end

-- Work out all subscriptions again from the sets that live. Of different limits the lowest counts.
local function subscribe_all(now)
  local found, order = {}, {}
  for _, set in ipairs(redis.call('HKEYS', key('sets'))) do
    for _, one in ipairs(decode_set(set)) do
      local merged = found[one.name]
      if not merged then
        merged = {kinds = {patterns = {}}, has = {}, concurrency = one.concurrency}
        found[one.name] = merged
        order[#order + 1] = one.name
      end
      local kind = one.hook or 'patterns'
      local patterns = merged.kinds[kind] or {}
      merged.kinds[kind] = patterns
      for _, pattern in ipairs(one.patterns) do
        if not merged.has[kind .. ' ' .. pattern] then
          merged.has[kind .. ' ' .. pattern] = true
          patterns[#patterns + 1] = pattern
        end
      end
      if one.concurrency and one.concurrency < (merged.concurrency or math.huge) then
        merged.concurrency = one.concurrency
      end
    end
  end
  for _, name in ipairs(order) do
    local merged = found[name]
    local before = redis.call('HGET', key('subscriptions'), name)
    local since = before and tonumber(decoded(before).since) or now
    merged.kinds.since = whole(since)
    redis.call('HSET', key('subscriptions'), name, encoded(merged.kinds))
    redis.call('ZADD', key('seen'), now, name)
    limit(name, merged.concurrency)
  end
  paused, limits = nil, nil
  redis.call('DEL', key('abandoning'))
  forget_routes()
end

-- Subscribe a handler that no worker has (yet): to nothing, so that mail which is put into its mailboxes by
-- hand is seen and, in the end, abandoned; or to what a worker says that others will take.
local function expect_handler(handler, now, kind, patterns)
  if redis.call('HEXISTS', key('subscriptions'), handler) == 0 then
    local kinds = {patterns = {}, since = whole(now)}
    kinds[kind or 'patterns'] = patterns or {}
    redis.call('HSET', key('subscriptions'), handler, encoded(kinds))
    redis.call('ZADD', key('seen'), now, handler)
    forget_routes()
  end
end

-- Forget workers. Return the sets that no other worker has.
local function unsubscribe(workers, now)
  local gone, left = {}, {}
  for _, worker in ipairs(workers) do
    local set = redis.call('HGET', key('workers'), worker)
    if set then
      gone[set] = true
      redis.call('ZREM', key('idle:' .. set), worker)
      redis.call('SREM', key('busy:' .. set), worker)
    end
    redis.call('HDEL', key('workers'), worker)
    redis.call('ZREM', key('alive'), worker)
    redis.call('DEL', key('wake:' .. worker))
  end
  for _, set in ipairs(redis.call('HVALS', key('workers'))) do
    left[set] = true
  end
  local dropped = {}
  for set in pairs(gone) do
    if not left[set] then
      dropped[#dropped + 1] = set
      for _, one in ipairs(decode_set(set)) do
        redis.call('ZADD', key('seen'), now, one.name)
      end
      redis.call('HDEL', key('sets'), set)
      redis.call('DEL', key('set:' .. set), key('idle:' .. set), key('waiting:' .. set), key('busy:' .. set),
        key('slow:' .. set), key('alone:' .. set), key('draining:' .. set))
    end
  end
  if #dropped > 0 then
    subscribe_all(now)
  end
  return dropped
end
