-- Mending of workers and their mailboxes, points 2 and 3 of repair; put in front of it, behind subscribing.

local MOST_MAILBOXES = 50
local MOST_LISTED = 2000
-- To read or compare as many names as a LOT costs about the same as one.
local A_LOT = 250

local now = clock(ARGV[1])
local work = 0 -- what this call cost others so far, in entries of the log

local function mend_workers(turn)
  local workers = redis.call('HGETALL', key('workers'))
  for i = 1, #workers, 2 do
    local worker = workers[i]
    if redis.call('HLEN', key('held:' .. worker)) > 0
      and redis.call('ZADD', key('leases'), 'NX', now + LEASE, worker) == 1 then
      note('lease', worker)
    end
    if redis.call('ZADD', key('alive'), 'NX', now, worker) == 1 then
      note('alive', worker)
    end
  end
  holders = nil
  if #workers > 0 then
    local at = turn % (#workers / 2) * 2 + 1
    local is_own = membership(workers[at + 1])
    for _, handler_mailbox in ipairs(redis.call('HKEYS', key('held:' .. workers[at]))) do
      if not is_own(split_handler_mailbox(handler_mailbox)) then
        release_foreign(workers[at], handler_mailbox)
      end
    end
  end
end

local function mend_working(turn)
  local limited = redis.call('HKEYS', key('limits'))
  table.sort(limited)
  local handler = limited[turn % math.max(#limited, 1) + 1]
  local held = {}
  for _, one in ipairs(handler and held_of(handler) or {}) do
    held[one.mailbox] = true
  end
  for _, mailbox in ipairs(handler and redis.call('SMEMBERS', key('working:' .. handler)) or {}) do
    if not held[mailbox] then
      redis.call('SREM', key('working:' .. handler), mailbox)
      note('working', handler .. ' ' .. mailbox)
    end
  end
end

local lists = {}

-- Return the mailboxes on both lists of a handler, and how often each is on which; or nothing if there are
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

local function mend_mailbox(handler, mailbox)
  local handler_mailbox = handler .. ' ' .. mailbox
  local listed = lists_of(handler)
  if looked_at[handler_mailbox] or not listed then
    return
  end
  looked_at[handler_mailbox] = true
  local ready, suspects = listed.ready[mailbox] or 0, listed.suspects[mailbox] or 0
  local parked = redis.call('ZSCORE', key('due'), ' ' .. handler_mailbox)
  if redis.call('EXISTS', key('mail:' .. handler_mailbox)) == 0 then
    if ready + suspects > 0 then
      take_off(handler, mailbox)
      note('empty', handler_mailbox)
    end
    return
  end
  if redis.call('HEXISTS', key('subscriptions'), handler) == 0 then
    expect_handler(handler, now)
  end
  if held_entries(handler_mailbox) then
    if ready + suspects > 0 or parked then
      take_off(handler, mailbox)
      redis.call('ZREM', key('due'), ' ' .. handler_mailbox)
      note('twice', handler_mailbox)
    end
  elseif parked then
    if ready + suspects > 0 then
      take_off(handler, mailbox)
      note('twice', handler_mailbox)
    end
  elseif ready + suspects == 0 then
    put_on('ready', handler, mailbox)
    note('lost', handler_mailbox)
  elseif ready + suspects > 1 then
    take_off(handler, mailbox)
    put_on(suspects > 0 and 'suspects' or 'ready', handler, mailbox)
    note('twice', handler_mailbox)
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
  local parts = math.max(math.ceil(#listed.names / MOST_MAILBOXES), 1)
  local first = math.floor(turn / #handlers) % parts * MOST_MAILBOXES
  for i = first + 1, math.min(first + MOST_MAILBOXES, #listed.names) do
    mend_mailbox(handler, listed.names[i])
  end
end
