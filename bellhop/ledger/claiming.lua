-- How mail gets into a worker's hands; put in front of claim and settle.
--
-- What a worker is given: {mail, events}. mail: for each mailbox
--   {handler, mailbox, alone (0 or 1), {orders of earlier events that are to be tried again},
--    when the newest event occurred that the handler saw (ms, or ''),
--    then for each entry: event_id, record of the handler, deaths}
-- events: for each event of them, once: event_id, about, body; of a call of hooks, in the place of a body
--   what the call is about, as it is now: {call, whether it is still so (0 or 1), and of a dead letter
--   about, body, record of the handler that gave up; or of what is in quarantine body, problems, received}.

-- Milliseconds.
local FIRST_DRAINING = 1000
local LONGEST_DRAINING = 32000

local MOST_BYTES = 4 * 1024 * 1024
local MOST_ORDERS = 100

local given = {mail = {}, events = {}, known = {}, room = MOST_BYTES}

local function answer()
  return {given.mail, given.events}
end

local function open_call(event)
  local call = redis.call('HGET', event, 'call')
  if not call then
    return false
  end
  local told = decoded(call)
  for _, name in ipairs(told.kind == 'quarantined' and {'delivery_id'} or {'event_id', 'handler'}) do
    if type(told[name]) ~= 'string' then
      return false
    end
  end
  if told.kind == 'quarantined' then
    local found = redis.call('HMGET', key('quarantined:' .. told.delivery_id), 'body', 'problems', 'received')
    return {call, found[1] and 1 or 0, unpack(found, 1, 3)}
  end
  -- If it was tried again meanwhile and given up again, there is a later call about that.
  local died = redis.call('ZSCORE', key('dead'), told.event_id .. ' ' .. told.handler)
  local found = redis.call('HMGET', key('event:' .. told.event_id), 'about', 'body', 'h:' .. told.handler)
  return {call, died and whole(died) == told.at and 1 or 0, unpack(found, 1, 3)}
end

local function open_entry(mail, handler, event_id)
  local event = key('event:' .. event_id)
  local fields
  if given.known[event_id] then
    fields = redis.call('HMGET', event, 'h:' .. handler, 'deaths:' .. handler)
  else
    fields = redis.call('HMGET', event, 'h:' .. handler, 'deaths:' .. handler, 'about', 'body')
    given.known[event_id] = true
    local events = given.events
    events[#events + 1] = event_id
    events[#events + 1] = fields[3] or ''
    events[#events + 1] = fields[4] or open_call(event)
    given.room = given.room - (fields[4] and #fields[4] or 0)
  end
  mail[#mail + 1] = event_id
  mail[#mail + 1] = fields[1] or ''
  mail[#mail + 1] = fields[2] and number(fields[2]) or 0
end

-- Return the beginning of what is given of a mailbox. `past`: whether the handler wants to know of it.
local function open_mailbox(handler, mailbox, alone, past, has_retries)
  local orders, newest = {}, ''
  if past then
    newest = tonumber(redis.call('HGET', key('newest:' .. mailbox), handler)) or ''
    if has_retries then
      local retries = key('retrying:' .. handler .. ' ' .. mailbox)
      local found = redis.call('ZRANGE', retries, 0, MOST_ORDERS - 1, 'WITHSCORES')
      for i = 2, #found, 2 do
        orders[#orders + 1] = number(found[i])
      end
    end
  end
  return {handler, mailbox, alone, orders, newest}
end

-- An entry under which a worker died, or may have, is run with nothing else in hand: if the worker dies
-- again, it is known under which.
local function take_suspect(worker, wants, may_claim, first)
  for i = 0, #wants - 1 do
    local want = wants[(first + i) % #wants + 1]
    local handler = want.handler
    local mailbox, first
    repeat -- a mailbox without mail ought not to be there
      mailbox = may_claim[handler] and redis.call('LPOP', key('suspects:' .. handler))
      first = mailbox and redis.call('LINDEX', key('mail:' .. handler .. ' ' .. mailbox), 0)
    until first or not mailbox
    if mailbox then
      local handler_mailbox = handler .. ' ' .. mailbox
      redis.call('HSET', key('held:' .. worker), handler_mailbox, 1)
      if is_limited(handler) then
        redis.call('SADD', key('working:' .. handler), mailbox)
      end
      local mail = open_mailbox(handler, mailbox, 1, want.past, true)
      open_entry(mail, handler, first)
      given.mail[#given.mail + 1] = mail
      return true
    end
  end
  return false
end

-- Take up to `mailboxes` mailboxes of a handler, and the first entries of each: `entries` in all,
-- `share` of each mailbox, or more if few are ready and the handler is not limited. Entries stay in
-- their mailbox until they are settled.
local function take_from(worker, want, entries)
  local handler = want.handler
  local ready = key('ready:' .. handler)
  local count = math.min(redis.call('LLEN', ready), want.mailboxes, entries, free_places(handler))
  -- A mailbox that holds one of a few places is not to keep it for long.
  local share = is_limited(handler) and want.share
    or math.max(want.share, math.floor(entries / math.max(count, 1)))
  local expected = share
  while count > 0 and entries > 0 and given.room > 0 do
    -- As many as it will take, at one go, if the next ones hold as much as those before.
    local most = math.min(count, math.ceil(entries / expected), AT_A_TIME)
    local names = redis.call('LPOP', ready, most)
    local handler_mailboxes, holding = {}, {}
    for i, mailbox in ipairs(names) do
      handler_mailboxes[i] = handler .. ' ' .. mailbox
    end
    local have_retries = want.past and which_exist('retrying:', handler_mailboxes) or {}
    local before = entries
    count = count - #names
    for i, mailbox in ipairs(names) do
      if entries <= 0 or given.room <= 0 then
        for j = #names, i, -1 do
          redis.call('LPUSH', ready, names[j])
        end
        count = 0
        break
      end
      local mail = open_mailbox(handler, mailbox, 0, want.past, have_retries[i])
      local taken = 0
      local last = math.min(share, entries) - 1
      for _, event_id in ipairs(redis.call('LRANGE', key('mail:' .. handler_mailboxes[i]), 0, last)) do
        if given.room <= 0 then
          break
        end
        open_entry(mail, handler, event_id)
        taken = taken + 1
      end
      entries = entries - taken
      if taken > 0 then
        holding[#holding + 1] = handler_mailboxes[i]
        holding[#holding + 1] = taken
        given.mail[#given.mail + 1] = mail
        if is_limited(handler) then
          redis.call('SADD', key('working:' .. handler), mailbox)
        end
      end
    end
    if #holding > 0 then
      redis.call('HSET', key('held:' .. worker), unpack(holding))
    end
    expected = math.max((before - entries) / #names, 1)
  end
end

-- Workers know how long a handler takes once they have run it.
local function note_slow(set, wants)
  local is_slow = slow_of(set)
  for _, want in ipairs(wants) do
    if want.slow ~= nil and want.slow ~= (is_slow[want.handler] == true) then
      is_slow[want.handler] = want.slow or nil
      redis.call(want.slow and 'SADD' or 'SREM', key('slow:' .. set), want.handler)
    end
  end
end

-- Whether a worker is to empty its hands for suspects: one of each set, for a second at first. What it
-- runs may take longer: then it goes on for as long as that, and the next time takes twice as long.
local function drains(set, worker, now)
  local draining = key('draining:' .. set)
  local stored = words(redis.call('GET', draining))
  local drainer, since, length = stored[1], number(stored[2]), number(stored[3])
  if not drainer or now < since or now >= since + 2 * length then
    length = drainer and math.min(2 * length, LONGEST_DRAINING) or FIRST_DRAINING
    redis.call('SET', draining, worker .. ' ' .. whole(now) .. ' ' .. length, 'PX', 4 * LONGEST_DRAINING)
    return true
  end
  return drainer == worker and now < since + length
end

-- Give a worker mail of handlers that it has. `wants`, for each of them:
--   handler, mailboxes, entries, share: how much of it at most; past: whether it wants to know what came
--   before; slow: whether it keeps its worker for long, if that is known; is_async: whether the handler
--   is; the entries of a sync one are divided by the number of those that have mail.
-- `first`: with which of them to begin, so that each is first in its turn.
-- Suspects go only to empty hands, and after each of them comes other mail. Returns whether some wait for
-- the worker to empty its hands.
local function take(worker, set, wants, first, now)
  if #wants == 0 then
    return 0
  end
  note_slow(set, wants)
  local names, may_claim = {}, {}
  for _, want in ipairs(wants) do
    names[#names + 1] = want.mailboxes > 0 and want.handler or nil
  end
  names = claimable(names, set, worker)
  for _, handler in ipairs(names) do
    may_claim[handler] = true
  end
  if any_listed({'suspects:'}, names) and may_take_suspect(set, worker) then
    local alone = key('alone:' .. set)
    if redis.call('EXISTS', key('held:' .. worker)) == 1 then
      if drains(set, worker, now) then
        return 1
      end
    elseif redis.call('GET', alone) == worker and any_listed({'ready:'}, names) then
      redis.call('DEL', alone)
    elseif take_suspect(worker, wants, may_claim, first) then
      redis.call('SET', alone, worker)
      redis.call('DEL', key('draining:' .. set))
      return 0
    end
  end
  local is_ready, sync_ready = {}, 0
  for i, exists in ipairs(which_exist('ready:', names)) do
    is_ready[names[i]] = exists
  end
  for _, want in ipairs(wants) do
    if is_ready[want.handler] and not want.is_async then
      sync_ready = sync_ready + 1
    end
  end
  for i = 0, #wants - 1 do
    local want = wants[(first + i) % #wants + 1]
    if is_ready[want.handler] then
      local entries = want.is_async and want.entries or math.ceil(want.entries / sync_ready)
      take_from(worker, want, entries)
    end
  end
  return 0
end

-- Give a worker again what it holds already. Return whether it holds anything.
local function give_held(worker, set, wants)
  local held = redis.call('HGETALL', key('held:' .. worker))
  local alone = is_alone(held) and 1 or 0
  local past, is_own = {}, membership(#held > 0 and set)
  for _, want in ipairs(wants) do
    past[want.handler] = want.past
  end
  for i = 1, #held, 2 do
    local handler, mailbox = split_handler_mailbox(held[i])
    local entries = tonumber(held[i + 1])
    if not (handler and entries and is_own(handler)) then
      release_foreign(worker, held[i])
    elseif entries > 0 then
      local mail = open_mailbox(handler, mailbox, alone, past[handler], true)
      for _, event_id in ipairs(redis.call('LRANGE', key('mail:' .. held[i]), 0, entries - 1)) do
        open_entry(mail, handler, event_id)
      end
      given.mail[#given.mail + 1] = mail
    elseif entries == 0 then -- its next mail came after what was in hand was settled
      release(worker, held[i])
    end
  end
  return #given.mail > 0
end
