-- repair: what the foreman does every second besides sweep: it looks at a part of the ledger, and mends
-- what a fault, a script that failed half-way, or somebody's own write left there.
--
-- All foremen together look five times a second at most. Each time
-- 1. the ledger's own keys are asked for their size, so that one of another type is put aside (see
--    common), and a set of handlers that cannot be read is forgotten: a worker that has it is called,
--    and subscribes again. What a set of a live worker has is subscribed;
-- 2. a worker that holds mail has a lease; one worker in its turn holds what is its own to hold, and
--    what counts as at work of a limited handler is held by somebody;
-- 3. of one handler in its turn fifty boxes of its lists are looked at;
-- 4. the log is walked on, 500 events, or as many as have about 200 boxes with mail, and from its end to
--    its beginning again: with a million events on record, each is looked at in 35 minutes; and some of
--    the last 5,000 calls of hooks. An event that
--    a handler is not through with is in that handler's box, or in `due`, else it goes there; its box is
--    looked at; its dead letters are among the dead; and its record says how many handlers are left.
-- A box that is looked at is on a list once, or held, or parked, if it has mail, and else nowhere. Of a
-- list of more than 2,000 boxes, or a box of more than 1,000 entries, that is not known: they are looked
-- at when they are shorter. The log, which has all events of the retention, costs the
-- others nothing; a set of the boxes with mail would have to be written for each event.
--
-- ARGV: now, retention (ms)
-- Returns: {{what was repaired and where, since the last time, …}, {set to enqueue a shift for, …}}

local PAUSE = 200
local MOST_EVENTS = 500
local MOST_BOXES = 50
local MOST_CALLS = 5000
local MOST_LISTED = 2000
local MOST_ENTRIES = 1000
-- What a call may cost others: so many entries of the log, or a third of that of boxes, at some
-- microseconds each. To read or compare as many names as a LOT costs about the same as one.
local MOST_WORK = 600
local A_LOT = 250

local now = clock(ARGV[1])
local retention = ARGV[2]
local wanted = {}
local work = 0

local SIZE_OF = {
  ZCARD = {'deliveries', 'seen', 'alive', 'leases', 'due', 'created', 'unfetched', 'dead', 'quarantine',
    'drift', 'alarms'},
  HLEN = {'subscriptions', 'limits', 'routes', 'workers', 'sets', 'repaired'},
  SCARD = {'paused', 'replaying', 'slow'},
  LLEN = {'unrouted', 'unindexed'},
  XLEN = {'log', 'attempts'},
  GET = {'jumps', 'order', 'calls', 'fetched_to', 'swept', 'sealed'},
}

local function check_types()
  for size, names in pairs(SIZE_OF) do
    for _, name in ipairs(names) do
      redis.call(size, key(name))
    end
  end
end

-- 1. Sets and subscriptions.

local function is_whole(set, names)
  local found = {}
  for i, one in ipairs(decode_set(set)) do
    found[i] = one.name
  end
  return table.concat(found, ' ') == names -- a worker may have no handler at all
end

local function mend_subscriptions()
  local sets = redis.call('HGETALL', key('sets'))
  local known, missing = {}, false
  for i = 1, #sets, 2 do
    if is_whole(sets[i], sets[i + 1]) then
      known[sets[i]] = true
      for _, handler in ipairs(words(sets[i + 1])) do
        if redis.call('HEXISTS', key('subscriptions'), handler) == 0 then
          note('subscription', handler)
          missing = true
        end
      end
    else
      redis.call('HDEL', key('sets'), sets[i])
      redis.call('DEL', key('set:' .. sets[i]))
      note('set', sets[i])
    end
  end
  for _, set in ipairs(redis.call('HVALS', key('workers'))) do
    if not known[set] then
      known[set] = true
      wanted[#wanted + 1] = set
    end
  end
  if missing then
    subscribe_all(now)
  end
  for _, handler in ipairs(redis.call('HKEYS', key('subscriptions'))) do
    redis.call('ZADD', key('seen'), 'NX', now, handler)
  end
end

-- 2. Workers.

local holders = {}

local function is_held(box)
  for _, worker in ipairs(holders) do
    if redis.call('HEXISTS', key('held:' .. worker), box) == 1 then
      return true
    end
  end
  return false
end

local function mend_workers(turn)
  local workers = redis.call('HGETALL', key('workers'))
  for i = 1, #workers, 2 do
    local worker = workers[i]
    if redis.call('HLEN', key('held:' .. worker)) > 0
      and redis.call('ZADD', key('leases'), 'NX', now + LEASE, worker) == 1 then
      note('lease', worker)
    end
  end
  holders = redis.call('ZRANGE', key('leases'), 0, -1)
  if #workers > 0 then
    local at = turn % (#workers / 2) * 2 + 1
    local is_own = membership(workers[at + 1])
    for _, box in ipairs(redis.call('HKEYS', key('held:' .. workers[at]))) do
      if not is_own(split_box(box)) then
        take_back(workers[at], box)
      end
    end
  end
  for _, handler in ipairs(redis.call('HKEYS', key('limits'))) do
    for _, mailbox in ipairs(redis.call('SMEMBERS', key('working:' .. handler))) do
      if not is_held(handler .. ' ' .. mailbox) then
        redis.call('SREM', key('working:' .. handler), mailbox)
        note('working', handler .. ' ' .. mailbox)
      end
    end
  end
end

-- 3. Boxes.

local lists = {}

-- Return the boxes on both lists of a handler, and how often each is on which; or nothing if there are
-- too many.
local function lists_of(handler)
  if lists[handler] == nil then
    lists[handler] = false
    if redis.call('LLEN', key('ready:' .. handler)) + redis.call('LLEN', key('suspects:' .. handler))
      <= MOST_LISTED then
      local found = {names = {}, ready = {}, suspects = {}}
      for _, list in ipairs({'ready', 'suspects'}) do
        for _, mailbox in ipairs(redis.call('LRANGE', key(list .. ':' .. handler), 0, -1)) do
          found.names[#found.names + 1] = mailbox
          found[list][mailbox] = (found[list][mailbox] or 0) + 1
        end
      end
      lists[handler] = found
      work = work + #found.names / A_LOT
    end
  end
  return lists[handler]
end

local function take_off(handler, mailbox)
  for _, list in ipairs({'ready', 'suspects'}) do
    redis.call('LREM', key(list .. ':' .. handler), 0, mailbox)
    lists[handler][list][mailbox] = nil
  end
end

local function put_on(list, handler, mailbox)
  redis.call('RPUSH', key(list .. ':' .. handler), mailbox)
  if lists[handler] then
    lists[handler][list][mailbox] = 1
  end
end

local looked_at = {}

local function mend_box(handler, mailbox)
  local box = handler .. ' ' .. mailbox
  local listed = lists_of(handler)
  if looked_at[box] or not listed then
    return
  end
  looked_at[box] = true
  local ready, suspects = listed.ready[mailbox] or 0, listed.suspects[mailbox] or 0
  local parked = redis.call('ZSCORE', key('due'), ' ' .. box)
  if redis.call('EXISTS', key('mail:' .. box)) == 0 then
    if ready + suspects > 0 then
      take_off(handler, mailbox)
      note('empty', box)
    end
    return
  end
  if redis.call('HEXISTS', key('subscriptions'), handler) == 0 then
    expect_handler(handler, now)
  end
  if is_held(box) then
    if ready + suspects > 0 or parked then
      take_off(handler, mailbox)
      redis.call('ZREM', key('due'), ' ' .. box)
      note('twice', box)
    end
  elseif parked then
    if ready + suspects > 0 then
      take_off(handler, mailbox)
      note('twice', box)
    end
  elseif ready + suspects == 0 then
    put_on('ready', handler, mailbox)
    note('lost', box)
  elseif ready + suspects > 1 then
    take_off(handler, mailbox)
    put_on(suspects > 0 and 'suspects' or 'ready', handler, mailbox)
    note('twice', box)
  end
end

local function mend_lists(turn)
  local handlers = redis.call('HKEYS', key('subscriptions'))
  if #handlers == 0 then
    return
  end
  table.sort(handlers)
  local handler = handlers[turn % #handlers + 1]
  local listed = lists_of(handler)
  if not listed then
    return
  end
  local parts = math.max(math.ceil(#listed.names / MOST_BOXES), 1)
  local first = math.floor(turn / #handlers) % parts * MOST_BOXES
  for i = first + 1, math.min(first + MOST_BOXES, #listed.names) do
    mend_box(handler, listed.names[i])
  end
end

-- 4. Events.

local OPEN = {waiting = true, retrying = true, replaying = true}

local function state_of(record)
  return record == '' and 'waiting' or string.match(record, '"state": "(%l+)"')
end

local function mend_entry(event_id, handler, mailbox)
  if redis.call('HEXISTS', key('moving'), handler) == 1 then
    return -- its mail is partly under another name
  end
  local box = handler .. ' ' .. mailbox
  local mail = key('mail:' .. box)
  local length = redis.call('LLEN', mail)
  work = work + 2 + math.min(length, MOST_ENTRIES) / A_LOT
  if length <= MOST_ENTRIES and not redis.call('LPOS', mail, event_id)
    and not redis.call('ZSCORE', key('due'), event_id .. ' ' .. box) then
    if redis.call('RPUSH', mail, event_id) == 1 then
      looked_at[box] = nil
      if not lists_of(handler) and not is_held(box) then
        put_on('ready', handler, mailbox)
      end
    end
    note('entry', event_id .. ' ' .. handler)
  end
  mend_box(handler, mailbox)
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
    elseif found == 'dead' and redis.call('ZADD', key('dead'), 'NX', now, event_id .. ' ' .. handlers[i]) == 1 then
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
  local first = last - turn * MOST_BOXES % MOST_CALLS
  for at = first, math.max(first - MOST_BOXES + 1, 1), -1 do
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

if math.abs(now - number(redis.call('HGET', key('repair'), 'at'))) < PAUSE then
  return {{}, {}}
end
local turn = redis.call('HINCRBY', key('repair'), 'turn', 1)
check_types()
mend_subscriptions()
mend_workers(turn)
mend_lists(turn)
mend_calls(turn)
mend_replaying()
local walked_to = mend_events(redis.call('HGET', key('repair'), 'log'))
redis.call('HSET', key('repair'), 'at', now, 'log', walked_to)

local told = redis.call('LRANGE', key('repairs'), 0, -1)
if #told > 0 then
  redis.call('DEL', key('repairs'))
  redis.call('HSET', key('repaired'), 'at', now)
end
return {told, wanted}
