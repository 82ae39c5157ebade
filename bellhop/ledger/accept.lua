-- accept: take in a batch of verified deliveries, each once.
--
-- 1. A delivery whose svix-id was seen is a duplicate, and so is an event whose id was seen.
-- 2. A new event is stored, logged, and put at the end of its mailbox. Where it differs from Seam's
--    schema is counted as drift.
-- 3. A signed body that is no Seam event is stored in quarantine.
-- 4. One that is read as an event after all is released from quarantine, once, and then is like 2.
-- 5. If there is mail now and no shift waits in RQ's queue, the caller is told to enqueue one.
--
-- ARGV: now, retention (ms), then for each delivery
--   'event' | 'release', svix-id, event_id, event_type, mailbox, body, number of differences, then
--     for each kind, field, example        or
--   'quarantine', svix-id, body, problems, headers
-- Returns: {enqueue a shift (0 or 1), {for each delivery 1 (new) or 0 (duplicate)},
--   {differences never seen before, each {event_type, kind, field, example}}}

local MOST_DRIFT = 1000

local now = clock(ARGV[1])
local retention = ARGV[2]

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
  redis.call('HSET', about, 'type', event_type, 'kind', kind, 'field', field, 'example', example, 'first', now)
  unseen[#unseen + 1] = {event_type, kind, field, example}
  if redis.call('ZCARD', key('drift')) > MOST_DRIFT then
    redis.call('DEL', key('drift:' .. redis.call('ZPOPMIN', key('drift'))[1]))
  end
end

local function accept_event(delivery, first)
  local event_id, event_type, mailbox, body = next_argument(), next_argument(), next_argument(), next_argument()
  local differences = tonumber(next_argument())
  local event = key('event:' .. event_id)
  local new = first and redis.call('HSETNX', event, 'body', body) == 1
  if new then
    redis.call('HSET', event, 'type', event_type, 'mailbox', mailbox, 'delivery', delivery,
      'received', now .. '-' .. redis.call('INCR', key('order')), 'state', 'accepted')
    redis.call('XADD', key('log'), '*', 'event', event_id)
    post(mailbox, event_id)
    for i = at, at + 3 * (differences - 1), 3 do
      count_drift(event_type, ARGV[i], ARGV[i + 1], ARGV[i + 2])
    end
  end
  at = at + 3 * differences
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
  end
  return first
end

local received = {}
while at <= #ARGV do
  local kind, delivery = next_argument(), next_argument()
  local seen = key('delivery:' .. delivery)
  local new
  if kind == 'event' then
    new = accept_event(delivery, redis.call('SET', seen, ARGV[at], 'NX', 'PX', retention))
  elseif kind == 'release' then
    local first = redis.call('ZREM', key('quarantine'), delivery) == 1
    if first then
      redis.call('DEL', key('quarantined:' .. delivery))
      redis.call('SET', seen, ARGV[at], 'PX', retention)
    end
    new = accept_event(delivery, first)
  else
    new = quarantine(delivery, redis.call('SET', seen, '', 'NX', 'PX', retention))
  end
  received[#received + 1] = new and 1 or 0
end

return {wants_shift(now), received, unseen}
