-- What the scripts share; put in front of each of them.
--
-- KEYS[1] is the prefix of every key, with its hash tag: all keys live in one slot of a cluster.
-- Times are whole milliseconds of the server's clock, the only one that all machines share.

local prefix = KEYS[1]

local function key(name)
  return prefix .. name
end

-- Tests say what time it is; everyone else passes ''.
local function clock(given)
  if given ~= '' then
    return tonumber(given)
  end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- An entry of a mailbox is 'event_id', or 'event_id handler' for one that is tried again.
-- Event ids and handler names hold no spaces.
local function read_entry(entry)
  local at = string.find(entry, ' ', 1, true)
  if at then
    return string.sub(entry, 1, at - 1), string.sub(entry, at + 1)
  end
  return entry, nil
end

-- Lua hands over fewer than 8,000 values at a time. What fails in the middle of a script is not undone.
local AT_A_TIME = 1000

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

-- Put an entry at the end of its mailbox. One that was empty becomes ready; one that was not
-- is ready or held already.
local function post(mailbox, entry)
  if redis.call('RPUSH', key('mail:' .. mailbox), entry) == 1 then
    redis.call('RPUSH', key('ready'), mailbox)
  end
end

local function mail_is_ready()
  return redis.call('LLEN', key('ready')) + redis.call('LLEN', key('careful')) > 0
end

local function careful_waits()
  return redis.call('EXISTS', key('careful'))
end

-- Ring for the shift that rests since the shortest time, if any does: it has empty hands, and takes
-- mail at once. Return whether there was one. It may have died: the foreman sees that mail stays.
local function ring(now)
  local shift, until_then = unpack(redis.call('ZPOPMAX', key('resting')))
  if not shift or tonumber(until_then) <= now then
    return false
  end
  redis.call('LPUSH', key('bell:' .. shift), now)
  redis.call('PEXPIRE', key('bell:' .. shift), 60000)
  return true
end

-- Return 1 if the caller is to put a shift into RQ's queue: there is mail, none that rests could be
-- rung for, and none waits in the queue.
-- `waiting` says since when one is on its way there. Only a shift that comes from the queue takes the
-- note away (see claim), so that no more than a few are ever in it. The note expires, in case the
-- caller dies before it does what it is told; the foreman, who can see the queue, notices much sooner.
local function wants_shift(now)
  if mail_is_ready() and not ring(now)
    and redis.call('SET', key('waiting'), now, 'NX', 'PX', 60000) then
    return 1
  end
  return 0
end

-- What is known of an event is one field: `milliseconds-order JSON`, when it came, its place among all,
-- and [event_type, mailbox, svix-id, when it was sent (s), if that is known].
local function order_of(event_id)
  local about = redis.call('HGET', key('event:' .. event_id), 'about') or ''
  return string.match(about, '^%d+%-(%d+)') or 0
end

local NO_RECORDS = {}

-- Read what is needed to run an entry: its body, what is known of it, how many workers died under it,
-- and what is on record of its handlers.
local function open_entry(entry)
  local event_id, handler = read_entry(entry)
  local event = key('event:' .. event_id)
  local records = NO_RECORDS
  local fields
  if handler then
    fields = redis.call('HMGET', event, 'body', 'about', 'deaths:' .. handler, 'h:' .. handler)
    if fields[4] then
      records = {handler, fields[4]}
    end
  else
    fields = redis.call('HMGET', event, 'body', 'about', 'deaths', 'begun')
    if fields[4] then
      records = {}
      local all = redis.call('HGETALL', event)
      for i = 1, #all, 2 do
        if string.sub(all[i], 1, 2) == 'h:' then
          records[#records + 1] = string.sub(all[i], 3)
          records[#records + 1] = all[i + 1]
        end
      end
    end
  end
  fields[4], fields[5] = records, entry
  return fields
end

-- Return what handlers have behind them in a mailbox: for each that has open events there
-- {handler, how many, {the orders of the oldest hundred}}, and, if it is asked for, {handler, when the
-- newest event that it saw occurred, …}.
local function past_of(mailbox, with_newest, has_open)
  local newest = with_newest and redis.call('HGETALL', key('newest:' .. mailbox)) or {}
  local open = {}
  if not has_open then
    return open, newest
  end
  for _, handler in ipairs(redis.call('SMEMBERS', key('open:' .. mailbox))) do
    local events = key('unfinished:' .. handler .. ' ' .. mailbox)
    local oldest = redis.call('ZRANGE', events, 0, 99, 'WITHSCORES')
    local orders = {}
    for i = 2, #oldest, 2 do
      orders[#orders + 1] = tonumber(oldest[i])
    end
    open[#open + 1] = {handler, redis.call('ZCARD', events), orders}
  end
  return open, newest
end

-- Mailboxes under which a worker died wait on `careful`, not on `ready`. They are taken with nothing
-- else beside them, one entry each, and half as many together as were held when the worker died
-- (`company`): so a few deaths tell which entry it was, and the others are not kept waiting.
local function take_careful(held, mailboxes, with_newest)
  local taken = {}
  local together = 1
  while #taken < math.min(together, mailboxes) do
    local mailbox = redis.call('LINDEX', key('careful'), 0)
    local company = mailbox and tonumber(redis.call('HGET', key('company'), mailbox) or 1)
    if not mailbox or (#taken > 0 and company < together) then
      break
    end
    redis.call('LPOP', key('careful'))
    together = #taken == 0 and company or together
    redis.call('HSET', held, mailbox, 1)
    local open, newest = past_of(mailbox, with_newest, true)
    taken[#taken + 1] = {mailbox, 1, open, newest, open_entry(redis.call('LINDEX', key('mail:' .. mailbox), 0))}
  end
  return taken
end

-- Take up to `mailboxes` mailboxes into the shift's hands and return the first entries of each,
-- `entries` in all and no more than 4 MiB of them: `share` of each mailbox, or more if few are ready.
-- Entries stay in their mailbox until they are settled.
local function take(shift, mailboxes, entries, share, with_newest)
  local taken = {}
  if mailboxes <= 0 or entries <= 0 then
    return taken
  end
  local held = key('held:' .. shift)

  local holds = redis.call('HKEYS', held)
  if #holds == 0 then
    taken = take_careful(held, mailboxes, with_newest)
    if #taken > 0 then
      return taken
    end
  elseif redis.call('EXISTS', key('doubts')) == 1 then
    for _, mailbox in ipairs(holds) do
      if redis.call('HEXISTS', key('doubts'), mailbox) == 1 then
        return taken
      end
    end
  end

  local count = math.min(redis.call('LLEN', key('ready')), mailboxes, entries)
  share = math.max(share, math.floor(entries / math.max(count, 1)))
  local room = 4 * 1024 * 1024
  local expected = share
  while count > 0 and entries > 0 and room > 0 do
    -- As many as it will take, at one go, if the next ones hold as much as those before.
    local most = math.min(count, math.ceil(entries / expected), AT_A_TIME)
    local names = redis.call('LPOP', key('ready'), most)
    local have_open = which_exist('open:', names)
    local holding = {}
    local before = entries
    count = count - #names
    for i, mailbox in ipairs(names) do
      if entries <= 0 or room <= 0 then
        for j = #names, i, -1 do
          redis.call('LPUSH', key('ready'), names[j])
        end
        break
      end
      local open, newest = past_of(mailbox, with_newest, have_open[i])
      local mail = {mailbox, 0, open, newest}
      for _, entry in ipairs(redis.call('LRANGE', key('mail:' .. mailbox), 0, math.min(share, entries) - 1)) do
        if room <= 0 then
          break
        end
        local opened = open_entry(entry)
        room = room - (opened[1] and #opened[1] or 0)
        mail[#mail + 1] = opened
      end
      entries = entries - (#mail - 4)
      holding[#holding + 1] = mailbox
      holding[#holding + 1] = #mail - 4
      taken[#taken + 1] = mail
    end
    redis.call('HSET', held, unpack(holding))
    expected = math.max((before - entries) / #names, 1)
  end
  return taken
end

-- Return the mail that a shift holds already, as `take` did: the entries that it has not finished.
local function in_hand(shift, with_newest)
  local mail = {}
  local held = redis.call('HGETALL', key('held:' .. shift))
  for i = 1, #held, 2 do
    local mailbox, entries = held[i], tonumber(held[i + 1])
    local open, newest = past_of(mailbox, with_newest, true)
    local opened = {mailbox, redis.call('HEXISTS', key('doubts'), mailbox), open, newest}
    if entries > 0 then
      for _, entry in ipairs(redis.call('LRANGE', key('mail:' .. mailbox), 0, entries - 1)) do
        opened[#opened + 1] = open_entry(entry)
      end
    end
    mail[#mail + 1] = opened
  end
  return mail
end

-- Extend the lease of a shift that holds mailboxes, and forget one that holds none.
local function keep_lease(shift, ends)
  if redis.call('EXISTS', key('held:' .. shift)) == 1 then
    redis.call('ZADD', key('shifts'), ends, shift)
  else
    redis.call('ZREM', key('shifts'), shift)
  end
end
