-- Which handlers get an event; put in front of every script, behind waking.
--
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

-- Give an event to its handlers: note in its record which they are, and put it into a mailbox of each.
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
