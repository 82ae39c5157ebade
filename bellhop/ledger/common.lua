-- What the scripts share; put in front of each of them.
--
-- KEYS[1] is the prefix of every key, with its hash tag: all keys live in one slot of a cluster.
-- Times are whole milliseconds of the server's clock, the only one that all machines share.
--
-- A `box` is a mailbox of one handler, written `handler mailbox`: names of handlers hold no spaces.
-- It has mail if and only if it is on the handler's ready list once, or held by one worker, or
-- parked in `due` until its first event is tried again.

local prefix = KEYS[1]

local function key(name)
  return prefix .. name
end

-- What somebody else wrote under one of our names, or a fault left there, must not make a script fail
-- for ever: that would keep everybody's mail. So a key of another type is put aside, as `broken:<name>`
-- for two weeks, and is then as if it had never been; and a number that is none counts as missing. The
-- foreman tells of each (see repair), and rebuilds what was in it as far as records tell.

local server = redis
local KEPT_ASIDE = 14 * 24 * 3600 * 1000
local MOST_NOTED = 100

local function failed(answer)
  return type(answer) == 'table' and answer.err
end

local function put_aside(name)
  local aside = key('broken:' .. string.sub(name, #prefix + 1))
  -- A user of Redis that may not rename may delete. What is in there is not ours anyway.
  if failed(server.pcall('RENAME', name, aside)) then
    server.call('DEL', name)
  else
    server.call('PEXPIRE', aside, KEPT_ASIDE)
  end
end

local redis = {}

-- Count a repair, and have the foreman tell of it: what was repaired, and where.
local function note(what, where)
  redis.call('HINCRBY', key('repaired'), what, 1)
  redis.call('RPUSH', key('repairs'), what .. ' ' .. where)
  redis.call('LTRIM', key('repairs'), -MOST_NOTED, -1)
end

local function call_again(problem, command, ...)
  local name, field = ...
  if string.find(problem, 'WRONGTYPE', 1, true) then
    put_aside(name)
    note('type', string.sub(name, #prefix + 1))
  elseif string.find(problem, 'not an integer', 1, true) then
    if command == 'HINCRBY' then
      server.call('HDEL', name, field)
    else
      put_aside(name)
    end
    note('number', string.sub(name, #prefix + 1))
  end
  return server.call(command, ...) -- what was not mended fails again, and says why
end

-- Every call of the scripts is one of this function.
function redis.call(command, ...)
  local answer = server.pcall(command, ...)
  if type(answer) == 'table' and answer.err then
    return call_again(answer.err, command, ...)
  end
  return answer
end

-- Return a number that is stored, or 0.
local function number(stored)
  return tonumber(stored or 0) or 0
end

-- Return the table that is stored as JSON, or an empty one.
local function decoded(stored)
  local is_json, found = pcall(cjson.decode, stored or '')
  return is_json and type(found) == 'table' and found or {}
end

-- Tests say what time it is; everyone else passes ''.
local function clock(given)
  if given ~= '' then
    return tonumber(given)
  end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- An entry that was interrupted so often, and nobody knows by what, is run alone.
local INTERRUPTED_BEFORE_ALONE = 2

-- Lua hands over fewer than 8,000 values at a time. What fails in the middle of a script is not undone.
local AT_A_TIME = 1000

local function whole(number)
  return string.format('%d', number)
end

local function words(text)
  local found = {}
  for word in string.gmatch(text or '', '%S+') do
    found[#found + 1] = word
  end
  return found
end

local function split_box(box)
  return string.match(box, '^(%S+) (.*)$')
end

-- Say of each name whether there is such a key. Most often there is none of them, or all are there:
-- that is seen in one call.
local function which_exist(kind, names)
  local keys = {}
  for i, name in ipairs(names) do
    keys[i] = key(kind .. name)
  end
  local exist = {}
  for first = 1, #keys, AT_A_TIME do
    local last = math.min(first + AT_A_TIME - 1, #keys)
    local count = redis.call('EXISTS', unpack(keys, first, last))
    for i = first, last do
      exist[i] = count > last - first or (count > 0 and redis.call('EXISTS', keys[i]) == 1)
    end
  end
  return exist
end

-- Put an event at the end of a box. One that was empty becomes ready; one that was not is ready,
-- held or parked already.
local function post(handler, mailbox, event_id)
  if redis.call('RPUSH', key('mail:' .. handler .. ' ' .. mailbox), event_id) == 1 then
    redis.call('RPUSH', key('ready:' .. handler), mailbox)
  end
end

-- Return whether a handler is one of a set, as a function. Of a set that is not known, any is.
local function membership(set)
  local names = set and redis.call('HGET', key('sets'), set)
  local is_member = {}
  for _, handler in ipairs(words(names or '')) do
    is_member[handler] = true
  end
  return function(handler)
    return not names or is_member[handler or '']
  end
end

-- Whether all that is held is one entry under which a worker died, or may have.
local function is_alone(held)
  if #held ~= 2 or held[2] ~= '1' then
    return false
  end
  local handler = split_box(held[1]) or ''
  local event = key('event:' .. (redis.call('LINDEX', key('mail:' .. held[1]), 0) or ''))
  local deaths, interrupted = unpack(redis.call('HMGET', event, 'deaths:' .. handler, 'interrupted:' .. handler))
  return deaths or number(interrupted) >= INTERRUPTED_BEFORE_ALONE
end

-- Take a box out of a worker's hands, and put it on its handler's list if it has mail.
local function release(worker, box)
  local handler, mailbox = split_box(box)
  redis.call('HDEL', key('held:' .. worker), box)
  if handler then
    redis.call('SREM', key('working:' .. handler), mailbox)
    if redis.call('EXISTS', key('mail:' .. box)) == 1 then
      redis.call('LPUSH', key('ready:' .. handler), mailbox)
    end
  end
end

-- Release a box that is not the worker's to hold.
local function take_back(worker, box)
  release(worker, box)
  note('held', box)
end

-- What is known of an event is one field: `milliseconds-order JSON`, when it came, its place among all,
-- and [event_type, mailbox, svix-id, when it was sent (s), if that is known]. Return the order, the type
-- and the mailbox, or nothing if it cannot be read.
local function read_about(about)
  local order, named = string.match(about, '^%d+%-(%d+) (.*)$')
  local found = decoded(named)
  if type(found[1]) == 'string' and type(found[2]) == 'string' then
    return order, found[1], found[2]
  end
end

-- How many more mailboxes of a handler may be claimed: none while it is paused, else as many as its
-- `concurrency` leaves.
local paused, limits
local function free_places(handler)
  if not paused then
    paused, limits = {}, {}
    for _, name in ipairs(redis.call('SMEMBERS', key('paused'))) do
      paused[name] = true
    end
    local all = redis.call('HGETALL', key('limits'))
    for i = 1, #all, 2 do
      limits[all[i]] = tonumber(all[i + 1])
    end
  end
  if paused[handler] then
    return 0
  end
  return limits[handler] and limits[handler] - redis.call('SCARD', key('working:' .. handler)) or math.huge
end

local function is_limited(handler)
  free_places(handler)
  return limits[handler] ~= nil
end

-- Slow handlers are sync ones that keep a worker for a second or more, and quick ones beside them would
-- wait that long. So of each set with two workers or more, one begins with no slow handler.
local slow
local function is_slow(handler)
  if not slow then
    slow = {}
    for _, name in ipairs(redis.call('SMEMBERS', key('slow'))) do
      slow[name] = true
    end
  end
  return slow[handler] == true
end

local function may_begin_slow(set, worker)
  local workers = 0
  for _, of in ipairs(redis.call('HVALS', key('workers'))) do
    workers = workers + (of == set and 1 or 0)
  end
  local others = 0
  for _, one in ipairs(redis.call('SMEMBERS', key('busy:' .. set))) do
    others = others + (one ~= worker and redis.call('ZSCORE', key('leases'), one) and 1 or 0)
  end
  return workers < 2 or others < workers - 1
end

-- Whether a worker may claim mail of a handler, if there is some.
local function may_claim(handler, set, worker)
  return free_places(handler) > 0 and (not is_slow(handler) or may_begin_slow(set, worker))
end

-- Whether a worker that holds nothing could claim anything. `handlers`: those of its set.
local function has_mail(set, handlers)
  local lists = {}
  for _, handler in ipairs(handlers) do
    if may_claim(handler, set, '') then
      lists[#lists + 1] = key('ready:' .. handler)
      lists[#lists + 1] = key('suspects:' .. handler)
    end
  end
  return #lists > 0 and redis.call('EXISTS', unpack(lists)) > 0
end

-- Wake the most recently idle worker that has this set of handlers. Return whether there was one. It
-- may have died: the foreman sees that mail stays.
local function wake(set, now)
  local worker, until_then = unpack(redis.call('ZPOPMAX', key('idle:' .. set)))
  if not worker or tonumber(until_then) <= now then
    return false
  end
  redis.call('LPUSH', key('wake:' .. worker), now)
  redis.call('PEXPIRE', key('wake:' .. worker), 60000)
  return true
end

-- Return the sets of handlers for which the caller is to put a shift into RQ's queue: there is mail for
-- one of them, no idle worker could be woken, and no shift waits in the queue.
-- `waiting:<set>` says since when one is on its way there. Only a shift that comes from the queue takes
-- the note away (see claim), so that no more than a few are ever in it. The note expires, in case the
-- caller dies before it does what it is told; the foreman, who can see the queue, notices much sooner.
local function sets_to_wake(now)
  local wanted = {}
  local sets = redis.call('HGETALL', key('sets'))
  for i = 1, #sets, 2 do
    if has_mail(sets[i], words(sets[i + 1])) and not wake(sets[i], now)
      and redis.call('SET', key('waiting:' .. sets[i]), now, 'NX', 'PX', 60000) then
      wanted[#wanted + 1] = sets[i]
    end
  end
  return wanted
end

-- Return the texts of a list that is stored, if it is one.
local function texts(stored)
  local found = {}
  for _, one in ipairs(type(stored) == 'table' and stored or {}) do
    if type(one) == 'string' then
      found[#found + 1] = one
    end
  end
  return found
end

-- Routes: which handlers get events of a type. They are worked out when an event of the type comes, and
-- kept until a subscription changes.

local MOST_ROUTES = 2048

local function fits(event_type, pattern)
  local escaped = string.gsub(pattern, '[^%w*]', '%%%0')
  return string.find(event_type, '^' .. string.gsub(escaped, '%*', '.*') .. '$') ~= nil
end

local routes = {}
local subscriptions

-- Return the handlers that are subscribed with a pattern which fits a text: a type of event, if the
-- kind of patterns is `patterns`; those of hooks are kept apart.
local function match_all(kind, text)
  if not subscriptions then
    subscriptions = {}
    local all = redis.call('HGETALL', key('subscriptions'))
    for i = 1, #all, 2 do
      subscriptions[#subscriptions + 1] = {all[i], decoded(all[i + 1])}
    end
    table.sort(subscriptions, function(one, other) return one[1] < other[1] end)
  end
  local found = {}
  for _, subscription in ipairs(subscriptions) do
    for _, pattern in ipairs(texts(subscription[2][kind])) do
      if fits(text, pattern) then
        found[#found + 1] = subscription[1]
        break
      end
    end
  end
  return found
end

local function handlers_of(event_type)
  local found = routes[event_type]
  if not found then
    local known = redis.call('HGET', key('routes'), event_type)
    if known then
      found = words(known)
    else
      found = match_all('patterns', event_type)
      -- A sender could make up any number of types.
      if redis.call('HLEN', key('routes')) >= MOST_ROUTES then
        redis.call('DEL', key('routes'))
      end
      redis.call('HSET', key('routes'), event_type, table.concat(found, ' '))
    end
    routes[event_type] = found
  end
  return found
end

local function forget_routes()
  routes, subscriptions = {}, nil
  redis.call('DEL', key('routes'))
end

-- One handler of an event is through with it, for good: when the last one is, the event's state is
-- final. One with dead letters stays until they are dealt with; else its time to live begins.
-- `fields` are written with it; `dead` is added to its dead letters.
local function close(event, open, dead, fields, retention)
  fields[#fields + 1] = 'open'
  fields[#fields + 1] = open
  if open == 0 then
    fields[#fields + 1] = 'state'
    fields[#fields + 1] = dead > 0 and 'dead' or 'done'
  end
  redis.call('HSET', event, unpack(fields))
  if open == 0 and dead == 0 then
    redis.call('PEXPIRE', event, retention)
  end
end

-- Give an event to its handlers: note in its record which they are, and put it into a box of each.
-- It was given to none before.
local function give(event, event_id, mailbox, handlers, retention)
  local fields = {'open', #handlers}
  for _, handler in ipairs(handlers) do
    fields[#fields + 1] = 'h:' .. handler
    fields[#fields + 1] = ''
  end
  if #handlers == 0 then
    fields = {'state', 'unhandled'}
  end
  redis.call('HSET', event, unpack(fields))
  if #handlers == 0 then
    redis.call('PEXPIRE', event, retention)
  end
  for _, handler in ipairs(handlers) do
    post(handler, mailbox, event_id)
  end
end

-- Give an event to those of its handlers that have no record of it yet: an older version had given it to
-- some (see upgrade_to_2).
local function give_to_others(event, event_id, mailbox, handlers, retention)
  local others = {}
  for _, handler in ipairs(handlers) do
    if redis.call('HEXISTS', event, 'h:' .. handler) == 0 then
      others[#others + 1] = handler
      redis.call('HSET', event, 'h:' .. handler, '')
    end
  end
  local open, dead = unpack(redis.call('HMGET', event, 'open', 'dead'))
  open = number(open) + #others
  close(event, open, number(dead), {'state', 'retrying'}, retention)
  for _, handler in ipairs(others) do
    post(handler, mailbox, event_id)
  end
end

-- Whether anybody wants events: a worker that lives, or handlers that are not forgotten yet. (One that is
-- only expected, see subscribing, wants none.)
local function has_subscribers()
  if redis.call('EXISTS', key('sets')) == 1 then
    return true
  end
  for _, subscription in ipairs(redis.call('HVALS', key('subscriptions'))) do
    if #texts(decoded(subscription).patterns) > 0 then
      return true
    end
  end
  return false
end

-- Give events to their handlers that came before anybody had subscribed. Return how many are left.
local function route_waiting(most, retention)
  if redis.call('EXISTS', key('unrouted')) == 0 or not has_subscribers() then
    return 0
  end
  for _, event_id in ipairs(redis.call('LPOP', key('unrouted'), most) or {}) do
    local event = key('event:' .. event_id)
    local _, event_type, mailbox = read_about(redis.call('HGET', event, 'about') or '')
    if event_type and redis.call('HLEN', event) > 2 then -- more than its body and `about`
      give_to_others(event, event_id, mailbox, handlers_of(event_type), retention)
    elseif event_type then
      give(event, event_id, mailbox, handlers_of(event_type), retention)
    else
      -- Nobody knows whose it is. Its body, if there is one, stays as long as any.
      note('event', event_id)
      if redis.call('EXISTS', event) == 1 then
        give(event, event_id, '', {}, retention)
      end
    end
  end
  return redis.call('LLEN', key('unrouted'))
end

-- Extend the lease of a worker that holds mail, and forget that of one that holds none; and note whether
-- it is busy with a slow handler.
local function keep_lease(worker, set, now)
  local held = key('held:' .. worker)
  if redis.call('EXISTS', held) == 1 then
    redis.call('ZADD', key('leases'), now + LEASE, worker)
  else
    redis.call('ZREM', key('leases'), worker)
  end
  is_slow('')
  local busy = false
  for _, box in ipairs(next(slow) and redis.call('HKEYS', held) or {}) do
    busy = busy or is_slow(split_box(box) or '')
  end
  redis.call(busy and 'SADD' or 'SREM', key('busy:' .. set), worker)
end
