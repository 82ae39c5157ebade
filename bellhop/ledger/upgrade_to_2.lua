-- upgrade_to_2: from one mailbox a device, shared by all handlers, to one for each handler.
--
-- Each call does a part of the work, and is as good as not done or done: what stops in between is gone
-- on with. Nobody else may write meanwhile.
--
-- 1. 'collect': the mailboxes are noted that the lists, the shifts' hands and the retries name, and dead
--    letters of events that no handler could be given are events again that wait.
-- 2. 'mailboxes': a hundred of them are emptied. What is to be tried again by one handler goes into that
--    handler's mailbox, in strict order with what waits behind it, and the mailbox is parked until its first
--    retry is due. An event that is to be given to all of its handlers is noted by its order.
-- 3. 'events': a thousand of those go to `unrouted`, in their order: the first worker that subscribes gets
--    them, but for handlers that are through with them. Records, states, retries, dead letters, the log
--    and the indexes stay as they are.
-- 4. 'end': what only the old layout had is deleted.
--
-- ARGV: now, retention (ms), step
-- Returns: whether there is more to do in this step (0 or 1)

local AT_ONCE = 100

local now = clock(ARGV[1])
local step = ARGV[3]

local function wait_for_all(event_id)
  local event = key('event:' .. event_id)
  local order = read_about(redis.call('HGET', event, 'about') or '')
  if order then
    redis.call('HDEL', event, 'state', 'begun', 'deaths')
    redis.call('PERSIST', event)
    redis.call('ZADD', key('upgrading:events'), order, event_id)
  end
end

local function collect()
  local function name(mailbox)
    redis.call('SADD', key('upgrading:mailboxes'), mailbox)
  end
  for _, list in ipairs({'ready', 'careful'}) do
    for _, mailbox in ipairs(redis.call('LRANGE', key(list), 0, -1)) do
      name(mailbox)
    end
  end
  for _, shift in ipairs(redis.call('ZRANGE', key('shifts'), 0, -1)) do
    for _, mailbox in ipairs(redis.call('HKEYS', key('held:' .. shift))) do
      name(mailbox)
    end
  end
  for _, entry in ipairs(redis.call('ZRANGE', key('due'), 0, -1)) do
    local mailbox = string.match(entry, '^%S+ %S+ (.*)$')
    if mailbox then
      name(mailbox)
    end
  end
  for _, letter in ipairs(redis.call('ZRANGE', key('dead'), 0, -1)) do
    local event_id = string.match(letter, '^(%S+) %*$')
    if event_id then
      redis.call('ZREM', key('dead'), letter)
      redis.call('HDEL', key('event:' .. event_id), 'h:*', 'dead')
      wait_for_all(event_id)
    end
  end
end

-- Put what a handler takes in strict order into its mailbox: what is to be tried again, and what waits.
local function keep_order(handler, mailbox)
  local handler_mailbox = handler .. ' ' .. mailbox
  local first_due
  for i, event_id in ipairs(redis.call('ZRANGE', key('unfinished:' .. handler_mailbox), 0, -1)) do
    local due = redis.call('ZSCORE', key('due'), event_id .. ' ' .. handler_mailbox)
    if i == 1 then
      first_due = due
    end
    redis.call('ZREM', key('due'), event_id .. ' ' .. handler_mailbox)
    redis.call('RPUSH', key('mail:' .. handler_mailbox), event_id)
  end
  if first_due then
    redis.call('ZADD', key('due'), first_due, ' ' .. handler_mailbox)
  elseif redis.call('EXISTS', key('mail:' .. handler_mailbox)) == 1 then
    redis.call('RPUSH', key('ready:' .. handler), mailbox)
  end
  expect_handler(handler, now)
end

local function empty(mailbox)
  local is_ordered = {}
  for _, handler in ipairs(redis.call('SMEMBERS', key('open:' .. mailbox))) do
    local handler_mailbox = handler .. ' ' .. mailbox
    if redis.call('EXISTS', key('behind:' .. handler_mailbox)) == 1 then
      is_ordered[handler] = true
      keep_order(handler, mailbox)
    else
      redis.call('ZUNIONSTORE', key('retrying:' .. handler_mailbox), 1, key('unfinished:' .. handler_mailbox))
    end
    redis.call('DEL', key('unfinished:' .. handler_mailbox), key('behind:' .. handler_mailbox))
  end
  for _, entry in ipairs(redis.call('LRANGE', key('mail:' .. mailbox), 0, -1)) do
    local event_id, handler = string.match(entry, '^(%S+) (%S+)$')
    if not handler then
      wait_for_all(entry)
    elseif not is_ordered[handler] then
      expect_handler(handler, now)
      post(handler, mailbox, event_id)
    end
  end
  redis.call('DEL', key('mail:' .. mailbox), key('open:' .. mailbox))
end

local function empty_some()
  for _, mailbox in ipairs(redis.call('SRANDMEMBER', key('upgrading:mailboxes'), AT_ONCE)) do
    empty(mailbox)
    redis.call('SREM', key('upgrading:mailboxes'), mailbox)
  end
  return redis.call('EXISTS', key('upgrading:mailboxes'))
end

local function queue_some()
  local events = redis.call('ZPOPMIN', key('upgrading:events'), AT_A_TIME)
  for i = 1, #events, 2 do
    redis.call('RPUSH', key('unrouted'), events[i])
  end
  return redis.call('EXISTS', key('upgrading:events'))
end

local function clean()
  for _, shift in ipairs(redis.call('ZRANGE', key('shifts'), 0, -1)) do
    redis.call('DEL', key('held:' .. shift), key('settled:' .. shift))
  end
  for _, shift in ipairs(redis.call('ZRANGE', key('resting'), 0, -1)) do
    redis.call('DEL', key('bell:' .. shift))
  end
  redis.call('DEL', key('ready'), key('careful'), key('doubts'), key('company'), key('shifts'),
    key('waiting'), key('resting'))
end

if step == 'collect' then
  collect()
elseif step == 'mailboxes' then
  return empty_some()
elseif step == 'events' then
  return queue_some()
elseif step == 'end' then
  clean()
end
return 0
