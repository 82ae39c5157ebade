-- accept: take in a batch of verified deliveries, each once.
--
-- 1. A delivery whose svix-id was seen is a duplicate, and so is an event whose id was seen.
-- 2. A new event is stored, logged, and put at the end of a mailbox of each handler that is subscribed
--    to its type. Before anybody has subscribed it waits in `unrouted`, and so do all that come after
--    it, until that list is empty. It is noted by what it is to be found: `index` does that for many at a
--    time. Where it differs from Seam's schema is counted as drift.
-- 3. A signed body that is no Seam event is stored in quarantine, and the hooks are called that want to
--    know: before anybody has subscribed, when somebody does.
-- 4. One that is read as an event after all is released from quarantine, once, and then is like 2.
-- 5. If there is mail now, an idle worker is woken; if there is none, and no shift waits in RQ's queue,
--    the caller is told to enqueue one.
--
-- ARGV: now, retention (ms), then for each delivery
--   'event' | 'release', svix-id, event_id, event_type, mailbox, body,
--     JSON [event_type, mailbox, svix-id, …], when it was created (ms, or ''),
--     JSON of what it is about ["field value", …], number of differences, for each event_type, kind, field,
--     example        or
--   'quarantine', svix-id, body, problems, headers
-- Returns: {{set to enqueue a shift for, …}, {for each delivery 1 (new) or 0 (duplicate)},
--   {differences never seen before, each {event_type, kind, field, example}}}

local MOST_DRIFT = 1000

local now = clock(ARGV[1])
local retention = tonumber(ARGV[2])
local is_routed = redis.call('EXISTS', key('unrouted')) == 0 and has_subscribers()

local at = 3
local function next_argument()
  at = at + 1
  return ARGV[at - 1]
end

local unseen = {}

-- A sender can make up any number of differences: those that were not seen for longest are dropped.
local function count_drift(event_type, kind, field, example)
  local name = event_type .. ' ' .. kind .. ' ' .. field
  local about = key('drift:' .. name)
  redis.call('ZADD', key('drift'), now, name)
  if redis.call('HINCRBY', about, 'count', 1) > 1 then
    return
  end
  redis.call('HSET', about, 'type', event_type, 'kind', kind, 'field', field, 'example', example,
    'first', now)
  unseen[#unseen + 1] = {event_type, kind, field, example}
  if redis.call('ZCARD', key('drift')) > MOST_DRIFT then
    redis.call('DEL', key('drift:' .. redis.call('ZPOPMIN', key('drift'))[1]))
  end
end

-- When an event counts as created: not later than now, and now if that was before all that is kept.
local function counts_from(created)
  created = tonumber(created) or now
  return (created > now or created <= now - retention) and now or created
end

-- Whoever waits for an action attempt reads of it in `attempts`.
local function tell_of_attempts(order, subjects)
  for _, subject in ipairs(subjects) do
    local attempt = string.match(subject, '^action_attempt_id (.+)')
    if attempt then
      redis.call('XADD', key('attempts'), order .. '-*', 'attempt', attempt)
    end
  end
end

-- Log an event, and return its place among all. If the number of events was lost, it is what the log
-- says: there no entry can be put in front of another.
local function next_order(event_id)
  for _ = 1, 2 do
    local order = whole(redis.call('INCR', key('order')))
    if not failed(server.pcall('XADD', key('log'), order .. '-' .. now, 'event', event_id)) then
      return order
    end
    local highest = number(order)
    for _, log in ipairs({'log', 'attempts'}) do
      local last = redis.call('XREVRANGE', key(log), '+', '-', 'COUNT', 1)[1]
      highest = math.max(highest, last and number(string.match(last[1], '^%d+')) or 0)
    end
    redis.call('SET', key('order'), whole(highest))
  end
  local order = whole(redis.call('INCR', key('order')))
  redis.call('XADD', key('log'), order .. '-' .. now, 'event', event_id)
  return order
end

-- What may fail comes first: then nothing says that the event was accepted.
local function remember(event_id, event_type, mailbox, body, about, created, subjects)
  local order = next_order(event_id)
  local event = key('event:' .. event_id)
  redis.call('HSET', event, 'body', body, 'about', now .. '-' .. order .. ' ' .. about)
  redis.call('RPUSH', key('unindexed'),
    order .. ' ' .. counts_from(created) .. ' ' .. math.ceil(retention / HOUR) .. ' ' .. subjects)
  if string.find(subjects, '"action_attempt_id ', 1, true) then
    tell_of_attempts(order, cjson.decode(subjects))
  end
  if is_routed then
    give(event, event_id, mailbox, handlers_of(event_type), retention)
  else
    redis.call('RPUSH', key('unrouted'), event_id)
  end
end

local function accept_event(first)
  local event_id, event_type, mailbox = next_argument(), next_argument(), next_argument()
  local body, about = next_argument(), next_argument()
  local created, subjects = next_argument(), next_argument()
  local differences = tonumber(next_argument())
  -- What is no record of an event, whatever it is, keeps none out.
  local new = first and redis.call('HEXISTS', key('event:' .. event_id), 'about') == 0
  if new then
    remember(event_id, event_type, mailbox, body, about, created, subjects)
    for i = at, at + 4 * (differences - 1), 4 do
      count_drift(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
    end
  end
  at = at + 4 * differences
  return new
end

local function quarantine(delivery, first)
  local body, problems, headers = next_argument(), next_argument(), next_argument()
  if first then
    redis.call('HSET', key('quarantined:' .. delivery), 'body', body, 'problems', problems,
      'headers', headers, 'received', now)
    -- Those of one millisecond, or of a clock that was set back, keep their order, too.
    local last = redis.call('ZRANGE', key('quarantine'), -1, -1, 'WITHSCORES')[2] or 0
    redis.call('ZADD', key('quarantine'), math.max(now, last + 1), delivery)
    tell_of_quarantined(delivery, now, retention)
  end
  return first
end

local function is_among(name, delivery)
  return redis.call('ZSCORE', key(name), delivery) ~= false
end

local received = {}
while at <= #ARGV do
  local kind, delivery = next_argument(), next_argument()
  local first, new
  if kind == 'release' then
    first = is_among('quarantine', delivery)
    new = accept_event(first)
    redis.call('ZREM', key('quarantine'), delivery)
    redis.call('DEL', key('quarantined:' .. delivery))
  else
    first = not is_among('deliveries', delivery)
    new = kind == 'event' and accept_event(first) or kind == 'quarantine' and quarantine(delivery, first)
  end
  if first then
    redis.call('ZADD', key('deliveries'), now, delivery)
  end
  received[#received + 1] = new and 1 or 0
end

return {sets_to_wake(now), received, unseen}
