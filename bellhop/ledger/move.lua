-- move: give what waits for a handler that no worker has to another one, some of it at a time.
--
-- 1. While a worker has the old one, nothing is done: it would go on with it, and be given more.
-- 2. With the first call, nothing new is given to the old one. A new one that nobody has subscribed gets
--    its patterns, and is paused if it was: so what comes before its first worker is not lost.
-- 3. The records of events go from one name to the other, mailbox by mailbox, a thousand events at a time. An
--    event that the new handler was given itself is not given to it twice: the old one abandons it.
-- 4. When all records of a mailbox are moved, its events go in front of those that wait for the new handler
--    in the same mailbox, but behind those that a worker has in hand. The mailbox is ready, a suspect, or
--    parked as it was.
-- 5. What a worker still holds, which died or is about to stop, comes back within half a minute: until
--    then, the caller asks again.
-- 6. Then what is in `due` is moved, and is due when it was. Nothing is added to that under the old name
--    any more, so one walk through it is enough. Then the old handler is forgotten.
-- 7. What handlers said is sealed with their name, if bodies are encrypted. Then records are moved only
--    as the caller has sealed them for the new name; for others it is asked first.
-- 8. A caller that stops half-way leaves the rest as it was; another goes on from there. An event of
--    which only the record was moved is known by that: it has none of the old handler.
--
-- ARGV: now, retention (ms), old handler, new handler, cursor of the walk through `due` ('0' at first),
--   mailbox in which the last call stopped and how many of its events were looked at ('' and 0 if none),
--   are records sealed (0 or 1), then for each record: event_id, as it was read, as it is to be
-- Returns: {'unknown' | 'had' | 'held' | 'seal' | 'more' | 'over', events moved, events that the new
--   handler had, cursor, mailbox, number of its events to go on from, {workers that have it, or hold mail
--   of it, …}, {event_id and record to be sealed, …}, {set to enqueue a shift for, …}}

local now = clock(ARGV[1])
local retention, old, new = ARGV[2], ARGV[3], ARGV[4]
local cursor, place, offset = ARGV[5], ARGV[6], tonumber(ARGV[7])
local is_sealed = ARGV[8] == '1'

local resealed = {}
for i = 9, #ARGV, 3 do
  resealed[ARGV[i]] = {ARGV[i + 1], ARGV[i + 2]}
end
local some_replayed = redis.call('EXISTS', key('replaying')) == 1
local moved, had, to_seal = 0, 0, {}

local function answer(state, workers)
  return {state, moved, had, cursor, place, offset, workers or {}, to_seal, sets_to_wake(now)}
end

-- Subscribe the new handler in place of the old one, unless that was done.
local function subscribe_instead()
  local given, own = unpack(redis.call('HMGET', key('subscriptions'), old, new))
  if wants_anything(given) and not wants_anything(own) then
    redis.call('HSET', key('subscriptions'), new, given)
    redis.call('ZADD', key('seen'), now, new)
    if redis.call('SISMEMBER', key('paused'), old) == 1 then
      redis.call('SADD', key('paused'), new)
    end
  end
  expect_handler(new, now)
  if wants_anything(given) then
    unroute(old, now)
  end
end

-- Note which of these events have a record that must be sealed for the new handler first.
local function collect_sealed(event_ids)
  for _, event_id in ipairs(is_sealed and event_ids or {}) do
    local record, own = unpack(redis.call('HMGET', key('event:' .. event_id), 'h:' .. old, 'h:' .. new))
    local renewed = resealed[event_id]
    if record and record ~= '' and not own and not (renewed and renewed[1] == record) then
      to_seal[#to_seal + 1] = event_id
      to_seal[#to_seal + 1] = record
    end
  end
  return #to_seal > 0
end

-- Move the record of an event. Return whether the new handler is to be given the event.
local function move_record(event_id, mailbox, has_retries)
  local event = key('event:' .. event_id)
  local record, own, deaths, interrupted =
    unpack(redis.call('HMGET', event, 'h:' .. old, 'h:' .. new, 'deaths:' .. old, 'interrupted:' .. old))
  local retrying = key('retrying:' .. old .. ' ' .. mailbox)
  local order = has_retries and redis.call('ZSCORE', retrying, event_id)
  if order then
    redis.call('ZREM', retrying, event_id)
  end
  if record and own then
    abandon(old, event_id, retention)
    had = had + 1
    return false
  end
  if order then
    redis.call('ZADD', key('retrying:' .. new .. ' ' .. mailbox), order, event_id)
  end
  if some_replayed and redis.call('SREM', key('replaying'), event_id .. ' ' .. old) == 1 then
    redis.call('SADD', key('replaying'), event_id .. ' ' .. new)
  end
  moved = moved + 1
  if not record then -- it is moved already, or the event is gone
    return true
  end
  local renewed = resealed[event_id]
  local fields = {'h:' .. new, is_sealed and renewed and renewed[2] or record}
  if deaths then
    fields[3], fields[4] = 'deaths:' .. new, deaths
  end
  if interrupted then
    fields[#fields + 1] = 'interrupted:' .. new
    fields[#fields + 1] = interrupted
  end
  redis.call('HSET', event, unpack(fields))
  redis.call('HDEL', event, 'h:' .. old, 'deaths:' .. old, 'interrupted:' .. old)
  return true
end

-- When the newest event occurred that the old handler saw, the new one saw it.
local function move_newest(mailbox)
  local newest = key('newest:' .. mailbox)
  local seen, own = unpack(redis.call('HMGET', newest, old, new))
  if seen then
    if not own or tonumber(own) < tonumber(seen) then
      redis.call('HSET', newest, new, seen)
    end
    redis.call('HDEL', newest, old)
  end
end

-- Move the records of a mailbox, from `first` on (0 is the first one), up to `most` of them. Those that the
-- new handler has leave an empty place in the mailbox. Return how many there were.
local function move_records(mailbox, first, most)
  local mail = key('mail:' .. old .. ' ' .. mailbox)
  local event_ids = redis.call('LRANGE', mail, first, first + most - 1)
  if collect_sealed(event_ids) then
    return 0
  end
  local has_retries = redis.call('EXISTS', key('retrying:' .. old .. ' ' .. mailbox)) == 1
  for i, event_id in ipairs(event_ids) do
    if event_id ~= '' and not move_record(event_id, mailbox, has_retries) then
      redis.call('LSET', mail, first + i - 1, '')
    end
  end
  return #event_ids
end

-- Put the events of a mailbox, whose records are moved, in front of those that wait for the new handler.
-- Return whether a worker has that mailbox in hand, and whether it had mail.
local function join_mailbox(mailbox)
  local from, to = key('mail:' .. old .. ' ' .. mailbox), key('mail:' .. new .. ' ' .. mailbox)
  local had_mail, held, begun = redis.call('EXISTS', to) == 1, nil, {}
  if had_mail then
    held = held_entries(new .. ' ' .. mailbox)
    begun = held and held > 0 and redis.call('LPOP', to, held) or {}
    local own = redis.call('LRANGE', to, 0, -1)
    for first = 1, #own, AT_A_TIME do
      redis.call('RPUSH', from, unpack(own, first, math.min(first + AT_A_TIME - 1, #own)))
    end
  end
  redis.call('RENAME', from, to)
  for i = #begun, 1, -1 do
    redis.call('LPUSH', to, begun[i])
  end
  return held ~= nil, had_mail
end

-- Move a mailbox whose records are moved; its place is `list`, or it is parked until `due`.
local function move_mailbox(mailbox, list, due)
  local mail = key('mail:' .. old .. ' ' .. mailbox)
  redis.call('LREM', mail, 0, '')
  move_newest(mailbox)
  if redis.call('EXISTS', mail) == 0 then
    return
  end
  local is_held, had_mail = join_mailbox(mailbox)
  if is_held then
    return
  end
  local parked = ' ' .. new .. ' ' .. mailbox
  if list == 'ready:' then
    if not had_mail or redis.call('ZREM', key('due'), parked) == 1 then
      redis.call('RPUSH', key('ready:' .. new), mailbox)
    end
    return
  end
  if had_mail then
    redis.call('LREM', key('ready:' .. new), 1, mailbox)
    redis.call('LREM', key('suspects:' .. new), 1, mailbox)
    redis.call('ZREM', key('due'), parked)
  end
  if due then
    redis.call('ZADD', key('due'), due, parked)
  else
    redis.call('RPUSH', key('suspects:' .. new), mailbox)
  end
end

-- Move what is ready, up to a thousand events. Return whether there may be more.
local function move_ready()
  local left = AT_A_TIME
  for _, list in ipairs({'suspects:', 'ready:'}) do
    while true do
      local mailbox = redis.call('LINDEX', key(list .. old), 0)
      if not mailbox then
        break
      end
      if mailbox ~= place then
        place, offset = mailbox, 0
      end
      local count = move_records(mailbox, offset, left)
      offset, left = offset + count, left - math.max(count, 1)
      if #to_seal > 0 then
        return true
      end
      if offset >= redis.call('LLEN', key('mail:' .. old .. ' ' .. mailbox)) then
        redis.call('LPOP', key(list .. old))
        move_mailbox(mailbox, list)
        place, offset = '', 0
      end
      if left <= 0 then
        return true
      end
    end
  end
  return left < AT_A_TIME
end

-- Move what is in `due`, from the cursor on. A mailbox that is parked is moved as a whole.
local function move_some_due()
  local found, next_cursor = some_due(old, cursor)
  for _, one in ipairs(found) do
    local is_parked = one[2] == ''
    local mail = key('mail:' .. old .. ' ' .. one[3])
    collect_sealed(is_parked and redis.call('LRANGE', mail, 0, -1) or {one[2]})
  end
  if #to_seal > 0 then
    return
  end
  for _, one in ipairs(found) do
    local member, event_id, mailbox, due = unpack(one)
    redis.call('ZREM', key('due'), member)
    if event_id == '' then
      move_records(mailbox, 0, redis.call('LLEN', key('mail:' .. old .. ' ' .. mailbox)))
      move_mailbox(mailbox, 'due', due)
    else
      move_newest(mailbox)
      if move_record(event_id, mailbox, true) then
        redis.call('ZADD', key('due'), due, event_id .. ' ' .. new .. ' ' .. mailbox)
      end
    end
  end
  cursor = next_cursor
end

if redis.call('HEXISTS', key('subscriptions'), old) == 0 then
  return answer('unknown')
end
local having = workers_with(old, now)
if #having > 0 then
  return answer('had', having)
end
subscribe_instead()
redis.call('HSET', key('moving'), new, old) -- until it is over, records and mailboxes may differ: see repair
if move_ready() then
  return answer(#to_seal > 0 and 'seal' or 'more')
end
local holders = holders_of(old)
if #holders > 0 then
  cursor = '0'
  return answer('held', holders)
end
move_some_due()
if #to_seal > 0 then
  return answer('seal')
end
if cursor ~= '0' or redis.call('EXISTS', key('ready:' .. old)) == 1 then
  return answer('more')
end
forget_subscription(old)
return answer('over')
