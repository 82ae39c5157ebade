-- What happens to the mail of a handler that is forgotten, or moved to another name; put in front of
-- sweep, forget and move, behind subscribing.

-- To deal with so many events takes some ten milliseconds, in which Redis answers nobody else.
local EVENTS_A_CALL = 500

-- One handler has an event before it no longer: that it never saw it, or gave it up, is on record.
local function abandon(handler, event_id, retention)
  local event = key('event:' .. event_id)
  redis.call('SREM', key('replaying'), event_id .. ' ' .. handler)
  local about, open, dead, record =
    unpack(redis.call('HMGET', event, 'about', 'open', 'dead', 'h:' .. handler))
  if about and record and not is_over(record) then
    local fields = {'h:' .. handler, with_state(record, STATE.ABANDONED)}
    close(event, math.max(number(open) - 1, 0), number(dead), fields, retention)
  end
end

-- What a handler has in `due`, from `cursor` of ZSCAN on: a list of {member, event_id ('' for a mailbox that
-- is parked), mailbox, when it is due}, and the next cursor. If not all of that can be dealt with in one
-- call, the next one asks from the same cursor on: what was taken out of `due` is not found again.
local function some_due(handler, cursor)
  local next_cursor, members = unpack(redis.call('ZSCAN', key('due'), cursor, 'COUNT', EVENTS_A_CALL))
  local found = {}
  for i = 1, #members, 2 do
    local event_id, of, mailbox = string.match(members[i], '^(%S*) (%S+) (.*)$')
    if of == handler then
      found[#found + 1] = {members[i], event_id, mailbox, members[i + 1]}
    end
  end
  return found, next_cursor
end

-- Abandon the first events of a mailbox, `most` of them. Return how many, and whether that was all.
local function abandon_mailbox(handler, mailbox, most, retention)
  local handler_mailbox = handler .. ' ' .. mailbox
  local mail = key('mail:' .. handler_mailbox)
  local events = redis.call('LPOP', mail, most) or {}
  for _, event_id in ipairs(events) do
    abandon(handler, event_id, retention)
  end
  redis.call('DEL', key('retrying:' .. handler_mailbox))
  return #events, redis.call('EXISTS', mail) == 0
end

-- Abandon what is ready, up to `most` events; a mailbox costs as much as an event at least. Return how many
-- events there were, and how many are left of `most`.
local function abandon_ready(handler, most, retention)
  local events = 0
  for _, list in ipairs({'suspects:', 'ready:'}) do
    local mailbox = redis.call('LINDEX', key(list .. handler), 0)
    while mailbox and most > 0 do
      local some, is_empty = abandon_mailbox(handler, mailbox, most, retention)
      events, most = events + some, most - math.max(some, 1)
      if is_empty then
        redis.call('LPOP', key(list .. handler))
        mailbox = redis.call('LINDEX', key(list .. handler), 0)
      end
    end
  end
  return events, most
end

-- Abandon what is in `due`, from `cursor` on, up to `most` events. Return how many, and the cursor from which
-- to go on, or '' if that was all.
local function abandon_some_due(handler, cursor, most, retention)
  local found, next_cursor = some_due(handler, cursor)
  local events = 0
  for _, one in ipairs(found) do
    if events >= most then
      return events, cursor
    end
    local member, event_id, mailbox = unpack(one)
    if event_id == '' then
      local some, is_empty = abandon_mailbox(handler, mailbox, most - events, retention)
      events = events + some
      if not is_empty then
        return events, cursor
      end
    else
      abandon(handler, event_id, retention)
      redis.call('DEL', key('retrying:' .. handler .. ' ' .. mailbox))
      events = events + 1
    end
    redis.call('ZREM', key('due'), member)
  end
  return events, next_cursor == '0' and '' or next_cursor
end

-- Write down that a handler's mail is abandoned, up to `most` events of it. No more than a page of `due` is
-- looked at, which may have everybody's retries: `abandoning` says how far that is. Return whether there
-- may be more, and how many events are left of `most`.
local function abandon_mail(handler, most, retention)
  local _, left = abandon_ready(handler, most, retention)
  if left == 0 then
    return true, 0
  end
  local cursor = redis.call('HGET', key('abandoning'), handler)
  local events, next_cursor = abandon_some_due(handler, cursor or '0', left, retention)
  if next_cursor == '' then
    redis.call('HDEL', key('abandoning'), handler)
  else
    redis.call('HSET', key('abandoning'), handler, next_cursor)
  end
  return left < most or events > 0 or next_cursor ~= '', left - events
end

-- Return the workers that hold mail of a handler.
local function holders_of(handler)
  local found = {}
  for _, held in ipairs(held_of(handler)) do
    if held.worker ~= found[#found] then
      found[#found + 1] = held.worker
    end
  end
  return found
end

-- Return the workers that have a handler. If no pool reported any of them within half a minute, they are
-- forgotten: one that lives all the same subscribes again when it asks for mail.
local function workers_with(handler, now)
  local having, silent = {}, {}
  local workers = redis.call('HGETALL', key('workers'))
  for i = 1, #workers, 2 do
    for _, name in ipairs(words(redis.call('HGET', key('sets'), workers[i + 1]))) do
      if name == handler then
        local spoken = redis.call('ZSCORE', key('alive'), workers[i])
        local list = spoken and tonumber(spoken) > now - WORKER_GONE_AFTER and having or silent
        list[#list + 1] = workers[i]
      end
    end
  end
  if #having == 0 and #silent > 0 then
    unsubscribe(silent, now)
  end
  return having
end

-- Whether nothing waits for a handler. With many retries, of whatever handler, that is not found out.
local function nothing_waits(handler)
  if redis.call('EXISTS', key('ready:' .. handler), key('suspects:' .. handler)) > 0
    or redis.call('ZCARD', key('due')) > 10 * AT_A_TIME or #holders_of(handler) > 0 then
    return false
  end
  local cursor = '0'
  repeat
    local found
    found, cursor = some_due(handler, cursor)
    if #found > 0 then
      return false
    end
  until cursor == '0'
  return true
end

-- Whether a subscription has a pattern of any kind: of types of events, or, of a hook, of what it is told.
local function wants_anything(told)
  for _, patterns in pairs(decoded(told)) do
    if #texts(patterns) > 0 then
      return true
    end
  end
  return false
end

-- Give a handler nothing new.
local function unroute(handler, now)
  local told = redis.call('HGET', key('subscriptions'), handler)
  if told and not wants_anything(told) then
    return
  end
  redis.call('HSET', key('subscriptions'), handler, '{"patterns":[],"since":"' .. whole(now) .. '"}')
  forget_routes()
end

local function forget_subscription(handler)
  redis.call('HDEL', key('subscriptions'), handler)
  redis.call('ZREM', key('seen'), handler)
  redis.call('HDEL', key('limits'), handler)
  redis.call('SREM', key('paused'), handler)
  redis.call('DEL', key('working:' .. handler))
  redis.call('HDEL', key('abandoning'), handler)
  for _, handler_mailbox in ipairs(redis.call('HKEYS', key('moving'))) do
    if split_handler_mailbox(handler_mailbox) == handler then -- somebody stopped half-way
      redis.call('HDEL', key('moving'), handler_mailbox)
    end
  end
  forget_routes()
end
