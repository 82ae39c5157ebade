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

-- Return 1 if the caller is to put a shift into RQ's queue: there is mail, and none waits there.
-- `waiting` says since when one waits. It expires, in case the caller dies before it does so; the
-- foreman, who can see RQ's queue, notices much sooner.
local function wants_shift(now)
  if mail_is_ready() and redis.call('SET', key('waiting'), now, 'NX', 'PX', 60000) then
    return 1
  end
  return 0
end

-- Read what is needed to run an entry: its body, its delivery, how many workers died under it, its
-- place in the order of arrival, and what is on record of its handlers.
local function open_entry(entry)
  local event_id, handler = read_entry(entry)
  local event = key('event:' .. event_id)
  local records = {}
  local fields
  if handler then
    fields = redis.call('HMGET', event, 'body', 'delivery', 'received', 'deaths:' .. handler, 'order', 'h:' .. handler)
    if fields[6] then
      records = {handler, fields[6]}
    end
  else
    fields = redis.call('HMGET', event, 'body', 'delivery', 'received', 'deaths', 'order', 'begun')
    if fields[6] then
      local all = redis.call('HGETALL', event)
      for i = 1, #all, 2 do
        if string.sub(all[i], 1, 2) == 'h:' then
          records[#records + 1] = string.sub(all[i], 3)
          records[#records + 1] = all[i + 1]
        end
      end
    end
  end
  return {entry, fields[1], fields[2], fields[3], fields[4], fields[5], records}
end

-- Return what handlers have behind them in a mailbox: for each that has open events there
-- {handler, how many, {the orders of the oldest hundred}}, and, if it is asked for, {handler, when the
-- newest event that it saw occurred, …}.
local function past_of(mailbox, with_newest)
  local open = {}
  for _, handler in ipairs(redis.call('SMEMBERS', key('open:' .. mailbox))) do
    local events = key('unfinished:' .. handler .. ' ' .. mailbox)
    local oldest = redis.call('ZRANGE', events, 0, 99, 'WITHSCORES')
    local orders = {}
    for i = 2, #oldest, 2 do
      orders[#orders + 1] = tonumber(oldest[i])
    end
    open[#open + 1] = {handler, redis.call('ZCARD', events), orders}
  end
  return open, with_newest and redis.call('HGETALL', key('newest:' .. mailbox)) or {}
end

-- Take up to `mailboxes` mailboxes into the shift's hands and return the first entries of each,
-- about `entries` in all and no more than 4 MiB of them. Entries stay in their mailbox until they
-- are settled.
--
-- A mailbox under which a worker died waits on `careful`, not on `ready`. It is taken alone, one
-- entry at a time, and nothing beside it, so that the next death tells which entry it was.
local function take(shift, mailboxes, entries, with_newest)
  local taken = {}
  if mailboxes <= 0 or entries <= 0 then
    return taken
  end
  local held = key('held:' .. shift)

  local holds = redis.call('HLEN', held)
  if holds == 0 then
    local mailbox = redis.call('LPOP', key('careful'))
    if mailbox then
      local entry = redis.call('LINDEX', key('mail:' .. mailbox), 0)
      if entry then
        redis.call('HSET', held, mailbox, 1)
        local open, newest = past_of(mailbox, with_newest)
        return {{mailbox, 1, open, newest, open_entry(entry)}}
      end
    end
  elseif holds == 1 and redis.call('HEXISTS', key('doubts'), redis.call('HKEYS', held)[1]) == 1 then
    return taken
  end

  local count = math.min(redis.call('LLEN', key('ready')), mailboxes, entries)
  local share = math.max(1, math.floor(entries / math.max(count, 1)))
  local room = 4 * 1024 * 1024
  for _ = 1, count do
    if room <= 0 then
      break
    end
    local mailbox = redis.call('LPOP', key('ready'))
    local open, newest = past_of(mailbox, with_newest)
    local mail = {mailbox, 0, open, newest}
    for _, entry in ipairs(redis.call('LRANGE', key('mail:' .. mailbox), 0, share - 1)) do
      if room <= 0 then
        break
      end
      local opened = open_entry(entry)
      room = room - (opened[2] and #opened[2] or 0)
      mail[#mail + 1] = opened
    end
    if #mail > 4 then
      redis.call('HSET', held, mailbox, #mail - 4)
      taken[#taken + 1] = mail
    end
  end
  return taken
end

-- Return the mail that a shift holds already, as `take` did: the entries that it has not finished.
local function in_hand(shift, with_newest)
  local mail = {}
  local held = redis.call('HGETALL', key('held:' .. shift))
  for i = 1, #held, 2 do
    local mailbox, entries = held[i], tonumber(held[i + 1])
    local open, newest = past_of(mailbox, with_newest)
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
