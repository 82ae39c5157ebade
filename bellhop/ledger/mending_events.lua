-- Mending of events, point 4 of repair; put in front of it, behind mending_mailboxes and hooks.

local MOST_EVENTS = 500
local MOST_CALLS = 5000
local MOST_ENTRIES = 1000
-- What a call may cost others: so many entries of the log, or a third of that of mailboxes, at some
-- microseconds each.
local MOST_WORK = 600

local retention = ARGV[2]

local function mend_entry(event_id, handler, mailbox)
  local handler_mailbox = handler .. ' ' .. mailbox
  local mail = key('mail:' .. handler_mailbox)
  local length = redis.call('LLEN', mail)
  work = work + 2 + math.min(length, MOST_ENTRIES) / A_LOT
  if length <= MOST_ENTRIES and not redis.call('LPOS', mail, event_id)
    and not redis.call('ZSCORE', key('due'), event_id .. ' ' .. handler_mailbox) then
    if redis.call('RPUSH', mail, event_id) == 1 then
      looked_at[handler_mailbox] = nil
      if not lists_of(handler) and not held_entries(handler_mailbox) then
        put_on('ready', handler, mailbox)
      end
    end
    note('entry', event_id .. ' ' .. handler)
  end
  mend_mailbox(handler, mailbox)
end

local function mend_event(event_id)
  local event = key('event:' .. event_id)
  local about, open, dead, state = unpack(redis.call('HMGET', event, 'about', 'open', 'dead', 'state'))
  local _, event_type, mailbox = read_about(about or '')
  if not mailbox then
    return
  end
  if not open and (not state or state == 'accepted') then -- an older version wrote that it is
    if redis.call('EXISTS', key('unrouted')) == 0 and has_subscribers() then
      give(event, event_id, mailbox, handlers_of(event_type), retention)
      note('unrouted', event_id)
    end
    return
  end
  if number(open) == 0 and number(dead) == 0 then
    return
  end
  local handlers, names = {}, {}
  for _, name in ipairs(redis.call('HKEYS', event)) do
    local handler = string.match(name, '^h:(%S+)$')
    if handler then
      handlers[#handlers + 1], names[#names + 1] = handler, name
    end
  end
  local is_open, unreadable, left = {}, {}, 0
  for i, record in ipairs(#names > 0 and redis.call('HMGET', event, unpack(names)) or {}) do
    local found = state_of(record)
    if OPEN[found] then
      is_open[#is_open + 1] = handlers[i]
    elseif not found then
      unreadable[#unreadable + 1] = handlers[i]
    elseif found == STATE.DEAD
      and redis.call('ZADD', key('dead'), 'NX', now, event_id .. ' ' .. handlers[i]) == 1 then
      note('letter', event_id .. ' ' .. handlers[i])
    end
  end
  for _, handler in ipairs(unreadable) do
    if #is_open < number(open) then
      is_open[#is_open + 1] = handler
    end
  end
  for _, handler in ipairs(is_open) do
    mend_entry(event_id, handler, mailbox)
  end
  if number(open) ~= #is_open then
    close(event, #is_open, number(dead), {}, retention)
    note('count', event_id)
  end
end

local function mend_events(from)
  from = string.match(from or '', '^%d+%-%d+$')
  local entries = redis.call('XRANGE', key('log'), from and '(' .. from or '-', '+', 'COUNT', MOST_EVENTS)
  for _, entry in ipairs(entries) do
    if work > MOST_WORK then
      return from
    end
    from = entry[1]
    work = work + 1
    if entry[2][1] == 'event' then
      mend_event(entry[2][2])
    end
  end
  return #entries == MOST_EVENTS and from or ''
end

-- Calls of hooks are in no log, but are numbered: some of the last thousands are looked at.
local function mend_calls(turn)
  local last = number(redis.call('GET', key('calls')))
  local first = last - turn * MOST_MAILBOXES % MOST_CALLS
  for at = first, math.max(first - MOST_MAILBOXES + 1, 1), -1 do
    mend_event(call_id(at))
  end
end

local function mend_replaying()
  for _, entry in ipairs(redis.call('SRANDMEMBER', key('replaying'), 20)) do
    local event_id, handler = string.match(entry, '^(%S+) (%S+)$')
    local record = event_id and redis.call('HGET', key('event:' .. event_id), 'h:' .. handler)
    if not record or not OPEN[state_of(record)] then
      redis.call('SREM', key('replaying'), entry)
      note('replaying', entry)
    end
  end
end
