-- What happens to the mail of a handler that is forgotten, or moved to another name; put in front of
-- sweep, forget and move, behind subscribing.

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

-- Take mailboxes of a handler that are ready off its lists, and call `each_mailbox(mailbox)` for them.
-- Return how many there were.
local function take_off_lists(handler, most, each_mailbox)
  local count = 0
  for _, list in ipairs({'suspects:', 'ready:'}) do
    for _, mailbox in ipairs(redis.call('LPOP', key(list .. handler), most - count) or {}) do
      each_mailbox(mailbox)
      count = count + 1
    end
    if count >= most then
      break
    end
  end
  return count
end

-- What a handler has in `due`, from `cursor` of ZSCAN on: a list of {member, event_id ('' for a mailbox that
-- is parked), mailbox, when it is due}, and the next cursor.
local function some_due(handler, cursor)
  local next_cursor, members = unpack(redis.call('ZSCAN', key('due'), cursor, 'COUNT', AT_A_TIME))
  local found = {}
  for i = 1, #members, 2 do
    local event_id, of, mailbox = string.match(members[i], '^(%S*) (%S+) (.*)$')
    if of == handler then
      found[#found + 1] = {members[i], event_id, mailbox, members[i + 1]}
    end
  end
  return found, next_cursor
end

-- Abandon the first events of a mailbox that was taken off its list. Return how many.
local function abandon_mailbox(handler, mailbox, most, retention)
  local handler_mailbox = handler .. ' ' .. mailbox
  local events = redis.call('LPOP', key('mail:' .. handler_mailbox), math.max(most, 1)) or {}
  for _, event_id in ipairs(events) do
    abandon(handler, event_id, retention)
  end
  redis.call('DEL', key('retrying:' .. handler_mailbox))
  if redis.call('EXISTS', key('mail:' .. handler_mailbox)) == 1 then
    redis.call('RPUSH', key('ready:' .. handler), mailbox)
  end
  return #events
end

-- Abandon what is ready. Return how many mailboxes were, and how many events.
local function abandon_ready(handler, most, retention)
  local events = 0
  local handler_mailboxes = take_off_lists(handler, most, function(mailbox)
    events = events + abandon_mailbox(handler, mailbox, most - events, retention)
  end)
  return handler_mailboxes, events
end

-- Abandon what is in `due`, from `cursor` on. Return how many events, and the next cursor.
local function abandon_some_due(handler, cursor, retention)
  local found, next_cursor = some_due(handler, cursor)
  local events = 0
  for _, one in ipairs(found) do
    local member, event_id, mailbox = unpack(one)
    redis.call('ZREM', key('due'), member)
    if event_id == '' then
      events = events + abandon_mailbox(handler, mailbox, AT_A_TIME, retention)
    else
      abandon(handler, event_id, retention)
      redis.call('DEL', key('retrying:' .. handler .. ' ' .. mailbox))
      events = events + 1
    end
  end
  return events, next_cursor
end

-- Write down that a handler's mail is abandoned, some of it at a time. Return whether there may be more.
local function abandon_mail(handler, most, retention)
  local handler_mailboxes, events = abandon_ready(handler, most, retention)
  local cursor = '0'
  while handler_mailboxes == 0 and events < most do
    local some
    some, cursor = abandon_some_due(handler, cursor, retention)
    events = events + some
    if cursor == '0' then
      break
    end
  end
  return handler_mailboxes + events > 0
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
  redis.call('SREM', key('slow'), handler)
  redis.call('DEL', key('working:' .. handler))
  -- Somebody may have begun to move it to another name before, and have stopped half-way.
  local moving = redis.call('HGETALL', key('moving'))
  for i = 1, #moving, 2 do
    if moving[i + 1] == handler then
      redis.call('HDEL', key('moving'), moving[i])
    end
  end
  forget_routes()
end
