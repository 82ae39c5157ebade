-- move: give what waits for a handler that no worker has to another one, some of it at a time.
--
-- 1. While a worker has the old one, nothing is done: it would go on with it, and be given more.
-- 2. With the first call, nothing new is given to the old one. A new one that nobody has subscribed gets
--    its patterns, and is paused if it was: so what comes before its first worker is not lost. Until that one
--    comes it is not forgotten because nothing waits for it.
-- 3. Events go from one name to the other with their records, mailbox by mailbox, some hundred of them at a
--    time. An event that the new handler was given itself is not given to it twice: the old one abandons it.
-- 4. The events of a mailbox go in front of those that wait for the new handler in the same mailbox, but
--    behind those that a worker has in hand. The mailbox is ready, a suspect, or parked as it was. Of a
--    longer one `moving` has the last event that was moved: the next go behind that, also if another caller
--    moves them.
-- 5. What a worker still holds, which died or is about to stop, comes back within half a minute: until
--    then, the caller asks again.
-- 6. Then what is in `due` is moved, a page of that in each call, and is due when it was. Nothing is added to
--    it under the old name any more, so one walk through it is enough. Then the old handler is forgotten.
-- 7. What handlers said is sealed with their name, if bodies are encrypted. Then records are moved only
--    as the caller has sealed them for the new name; for others it is asked first.
-- 8. A caller that stops half-way leaves the rest as it was; another goes on from there, or moves the rest to
--    a third handler, or forgets it.
--
-- ARGV: now, retention (ms), old handler, new handler, cursor of the walk through `due` ('0' at first),
--   are records sealed (0 or 1), then for each record: event_id, as it was read, as it is to be
-- Returns: {'unknown' | 'had' | 'held' | 'seal' | 'more' | 'over', events moved, events that the new
--   handler had, cursor, {workers that have it, or hold mail of it, …}, {event_id and record to be sealed, …},
--   {set to enqueue a shift for, …}}

local now = clock(ARGV[1])
local retention, old, new = ARGV[2], ARGV[3], ARGV[4]
local cursor = ARGV[5]
local is_sealed = ARGV[6] == '1'

local resealed = {}
for i = 7, #ARGV, 3 do
  resealed[ARGV[i]] = {ARGV[i + 1], ARGV[i + 2]}
end
local some_replayed = redis.call('EXISTS', key('replaying')) == 1
local moved, had, to_seal = 0, 0, {}

local function answer(state, workers)
  return {state, moved, had, cursor, workers or {}, to_seal, sets_to_wake(now)}
end

-- Return a subscription, marked as that of a handler whose first worker is yet to come: see sweep.
local function as_expected(told)
  local marked = string.find(told, '"expected":true', 1, true)
  return marked and told or (string.gsub(told, '}$', ',"expected":true}'))
end

-- Subscribe the new handler in place of the old one, unless that was done.
local function subscribe_instead()
  local given, own = unpack(redis.call('HMGET', key('subscriptions'), old, new))
  if wants_anything(given) and not wants_anything(own) then
    redis.call('HSET', key('subscriptions'), new, as_expected(given))
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
  if own or record and is_over(record) then
    abandon(old, event_id, retention)
    had = had + (record and own and 1 or 0)
    return false
  end
  if order then
    redis.call('ZADD', key('retrying:' .. new .. ' ' .. mailbox), order, event_id)
  end
  if some_replayed and redis.call('SREM', key('replaying'), event_id .. ' ' .. old) == 1 then
    redis.call('SADD', key('replaying'), event_id .. ' ' .. new)
  end
  moved = moved + 1
  if not record then -- the event is gone
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

local function push(command, mail, event_ids)
  for first = 1, #event_ids, AT_A_TIME do
    redis.call(command, mail, unpack(event_ids, first, math.min(first + AT_A_TIME - 1, #event_ids)))
  end
end

local function reversed(list)
  local found = {}
  for i = #list, 1, -1 do
    found[#found + 1] = list[i]
  end
  return found
end

-- Put events into a list, from `position` on (0 is the first): the shorter part of it is taken out meanwhile.
local function insert(mail, position, event_ids)
  local behind = redis.call('LLEN', mail) - position
  if position < behind then
    local before = position > 0 and redis.call('LPOP', mail, position) or {}
    push('LPUSH', mail, reversed(event_ids))
    push('LPUSH', mail, reversed(before))
  else
    local after = behind > 0 and redis.call('RPOP', mail, behind) or {}
    push('RPUSH', mail, event_ids)
    push('RPUSH', mail, reversed(after))
  end
end

-- Put events of a mailbox in front of those that wait for the new handler, or behind those that were moved
-- of it before. Its place was `list`, or it is parked until `due`.
local function give_to_new(mailbox, event_ids, list, due)
  local mail = key('mail:' .. new .. ' ' .. mailbox)
  local length = redis.call('LLEN', mail)
  local held, last
  if length > 0 then
    held = held_entries(new .. ' ' .. mailbox)
    last = string.match(redis.call('HGET', key('moving'), old .. ' ' .. mailbox) or '', '^(%S+) (%S+)$')
    last = last and redis.call('LPOS', mail, last, 'RANK', -1)
  end
  insert(mail, math.max(math.min(held or 0, length), last and last + 1 or 0), event_ids)
  if held or last then
    return
  end
  local parked = ' ' .. new .. ' ' .. mailbox
  if list == 'ready:' then
    if length == 0 or redis.call('ZREM', key('due'), parked) == 1 then
      redis.call('RPUSH', key('ready:' .. new), mailbox)
    end
    return
  end
  if length > 0 then
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

-- Move the first events of a mailbox, up to `most`. Return how many there were, and whether that was all. If
-- records must be sealed first, none is moved.
local function move_mailbox(mailbox, most, list, due)
  local mail = key('mail:' .. old .. ' ' .. mailbox)
  local event_ids, given = redis.call('LRANGE', mail, 0, most - 1), {}
  if collect_sealed(event_ids) then
    return #event_ids, false
  end
  local has_retries = redis.call('EXISTS', key('retrying:' .. old .. ' ' .. mailbox)) == 1
  for _, event_id in ipairs(event_ids) do
    if move_record(event_id, mailbox, has_retries) then
      given[#given + 1] = event_id
    end
  end
  redis.call('LTRIM', mail, #event_ids, -1)
  move_newest(mailbox)
  if #given > 0 then
    give_to_new(mailbox, given, list, due)
  end
  if redis.call('EXISTS', mail) == 0 then
    redis.call('HDEL', key('moving'), old .. ' ' .. mailbox)
    return #event_ids, true
  end
  if #given > 0 then
    redis.call('HSET', key('moving'), old .. ' ' .. mailbox, given[#given] .. ' ' .. new)
  end
  return #event_ids, false
end

-- Move what is ready, up to some hundred events; a mailbox costs as much as an event at least. Return whether
-- there may be more.
local function move_ready()
  local left = EVENTS_A_CALL
  for _, list in ipairs({'suspects:', 'ready:'}) do
    local mailbox = redis.call('LINDEX', key(list .. old), 0)
    while mailbox do
      local count, was_all = move_mailbox(mailbox, left, list)
      left = left - math.max(count, 1)
      if was_all then
        redis.call('LPOP', key(list .. old))
      end
      if left <= 0 or #to_seal > 0 then
        return true
      end
      mailbox = redis.call('LINDEX', key(list .. old), 0)
    end
  end
  return left < EVENTS_A_CALL
end

-- Move what is in `due`, from the cursor on, up to some hundred events. Return whether that was all.
local function move_some_due()
  local found, next_cursor = some_due(old, cursor)
  local left = EVENTS_A_CALL
  for _, one in ipairs(found) do
    local member, event_id, mailbox, due = unpack(one)
    local count, was_all = 1, true
    if event_id == '' then
      count, was_all = move_mailbox(mailbox, left, 'due', due)
    elseif collect_sealed({event_id}) then
      was_all = false
    else
      move_newest(mailbox)
      if move_record(event_id, mailbox, true) then
        redis.call('ZADD', key('due'), due, event_id .. ' ' .. new .. ' ' .. mailbox)
      end
    end
    if was_all then
      redis.call('ZREM', key('due'), member)
    end
    left = left - math.max(count, 1)
    if left <= 0 then
      return false
    end
  end
  if #to_seal > 0 then
    return false
  end
  cursor = next_cursor
  return cursor == '0'
end

if redis.call('HEXISTS', key('subscriptions'), old) == 0 then
  return answer('unknown')
end
local having = workers_with(old, now)
if #having > 0 then
  return answer('had', having)
end
subscribe_instead()
if move_ready() then
  return answer(#to_seal > 0 and 'seal' or 'more')
end
local holders = holders_of(old)
if #holders > 0 then
  cursor = '0'
  return answer('held', holders)
end
local was_all = move_some_due()
if not was_all then
  return answer(#to_seal > 0 and 'seal' or 'more')
end
forget_subscription(old)
return answer('over')
