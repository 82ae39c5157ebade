-- Mailboxes, and the workers that hold them; put in front of every script, behind claim_limits.
--
-- A mailbox is that of a device, say, for one handler. In keys it is written `handler mailbox`, since names
-- of handlers hold no spaces; scripts name this text `handler_mailbox`, and its second part `mailbox`.
-- It has mail if and only if it is on the handler's ready list once, or held by one worker, or
-- parked in `due` until its first event is tried again.

-- Put an event at the end of a mailbox. One that was empty becomes ready; one that was not is ready,
-- held or parked already.
local function post(handler, mailbox, event_id)
  if redis.call('RPUSH', key('mail:' .. handler .. ' ' .. mailbox), event_id) == 1 then
    redis.call('RPUSH', key('ready:' .. handler), mailbox)
  end
end

-- Return the score in `due` that stands for a time: since the clock jumped, all that is in there is put off.
local function due_at(time)
  return time - number(redis.call('GET', key('put_off')))
end

-- Put a retry, or a parked mailbox, into `due`. If no foreman has swept for a while, or one did in the
-- future, the clock may have jumped: this was written since then, and is not to be put off by that.
local function put_into_due(member, now, delay)
  redis.call('ZADD', key('due'), due_at(now + delay), member)
  local swept = tonumber(redis.call('GET', key('swept')))
  if swept and (now < swept or now - swept > FOREMAN_GONE_AFTER) then
    redis.call('SADD', key('due_since'), member)
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

-- Whether a worker died under an event, or may have.
local function is_suspect(event, handler)
  local deaths, interrupted =
    unpack(redis.call('HMGET', event, 'deaths:' .. handler, 'interrupted:' .. handler))
  return deaths or number(interrupted) >= INTERRUPTED_BEFORE_ALONE
end

-- Whether all that is held is one entry under which a worker died, or may have.
local function is_alone(held)
  if #held ~= 2 or held[2] ~= '1' then
    return false
  end
  local handler = split_handler_mailbox(held[1]) or ''
  local first = redis.call('LINDEX', key('mail:' .. held[1]), 0)
  return first and is_suspect(key('event:' .. first), handler)
end

-- Whether a worker may take a suspect. One at a time is run in each set, so that other mail goes on beside
-- it, on other workers.
local function may_take_suspect(set, worker)
  local other = redis.call('GET', key('alone:' .. set))
  return not other or other == worker or redis.call('HLEN', key('held:' .. other)) ~= 1
    or not is_alone(redis.call('HGETALL', key('held:' .. other)))
end

-- Take a mailbox out of a worker's hands, and put it on its handler's list if it has mail.
local function release(worker, handler_mailbox)
  local handler, mailbox = split_handler_mailbox(handler_mailbox)
  redis.call('HDEL', key('held:' .. worker), handler_mailbox)
  if handler then
    redis.call('SREM', key('working:' .. handler), mailbox)
    if redis.call('EXISTS', key('mail:' .. handler_mailbox)) == 1 then
      redis.call('LPUSH', key('ready:' .. handler), mailbox)
    end
  end
end

-- Release a mailbox that is not the worker's to hold.
local function release_foreign(worker, handler_mailbox)
  release(worker, handler_mailbox)
  note('held', handler_mailbox)
end

-- Workers that hold mail, once somebody asked for them; nil if a lease was added since.
local holders
local function all_holders()
  holders = holders or redis.call('ZRANGE', key('leases'), 0, -1)
  return holders
end

-- Return how many entries of a mailbox were claimed by the worker that holds it, or nil if none does.
local function held_entries(handler_mailbox)
  for _, worker in ipairs(all_holders()) do
    local entries = redis.call('HGET', key('held:' .. worker), handler_mailbox)
    if entries then
      return number(entries)
    end
  end
end

-- Return what workers hold of a handler, {worker, mailbox} for each of its mailboxes.
local function held_of(handler)
  local found = {}
  for _, worker in ipairs(all_holders()) do
    for _, handler_mailbox in ipairs(redis.call('HKEYS', key('held:' .. worker))) do
      local of, mailbox = split_handler_mailbox(handler_mailbox)
      if of == handler then
        found[#found + 1] = {worker = worker, mailbox = mailbox}
      end
    end
  end
  return found
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
  local busy, is_slow = false, slow_of(set)
  for _, handler_mailbox in ipairs(next(is_slow) and redis.call('HKEYS', held) or {}) do
    busy = busy or is_slow[split_handler_mailbox(handler_mailbox) or '']
  end
  -- The set may be gone, with all of its keys: this worker was silent, and held on to its lease.
  busy = busy and redis.call('HEXISTS', key('sets'), set) == 1
  redis.call(busy and 'SADD' or 'SREM', key('busy:' .. set), worker)
end
