-- settle: write down what a worker did, give back what it is through with, and claim its next mail.
--
-- 0. A settle whose answer was lost on the way may come again: it is known by its number, nothing is
--    written twice, and the answer is the mail that the worker holds. One that is not the next writes
--    nothing: a later one is written already, and it was held up on the way; or the one before is not.
-- 1. If the worker's lease was taken away, others have its mail: nothing is written.
-- 2. An entry whose handler is through with the event leaves its mailbox. When no handler of the event is
--    left, the event's state is final. If the handler gave it up, the hooks are called that want to know,
--    but for what a hook gave up.
-- 3. One that is to be tried again leaves its mailbox, too, and comes back from `due`. In strict order
--    ('park') it stays first in its mailbox, and the mailbox itself waits in `due`. No replay waits for what
--    is in there.
-- 4. A mailbox that is given back goes to the end of the ready list if it still has mail (to the front if
--    the worker had not begun with it); one left empty is always given up.
-- 5. In a deploy, workers may have a handler with different patterns. An entry that the handler does not
--    want as this worker has it ('unwanted') stays first in its mailbox, which waits a moment in `due` for
--    another worker, if one has the handler with a pattern that fits. If none has, what this worker would
--    have is written down: that the event was skipped.
-- 6. The next mail is claimed in the same call.
--
-- ARGV: now, worker, fingerprint of its set, number of this settle, retention (ms), JSON of
--   what it wants (see take), JSON [{handler, mailbox, give_back: 'keep' | 'end' | 'front' | 'park',
--     delay (of a parked one, ms),
--     entries: [{event_id, outcome: 'done' | 'retry' | 'dead' | 'park' | 'unwanted', record,
--       delay (of a retry, ms), again: the handler was to try it again, wants_retries: it wants to know
--       of such events, occurred: when the event occurred (ms), if it wants to know of that}, …]}, …]
-- Returns: {still ours (0 or 1), {set to enqueue a shift for, …}, {mail, events} as claiming says,
--   whether suspects wait for empty hands (0 or 1)}

local now = clock(ARGV[1])
local worker, set = ARGV[2], ARGV[3]
local settle = tonumber(ARGV[4])
local retention = ARGV[5]
local wants = cjson.decode(ARGV[6])
local results = cjson.decode(ARGV[7])

local held = key('held:' .. worker)

-- While the worker holds mail the number is remembered, however long the answer takes to get through:
-- sweep forgets it with the lease.
local function remember_number()
  if redis.call('EXISTS', held) == 1 then
    redis.call('SET', key('settled:' .. worker), settle)
  else
    redis.call('SET', key('settled:' .. worker), settle, 'PX', LEASE)
  end
end

local last = number(redis.call('GET', key('settled:' .. worker)))
if settle == last then
  give_held(worker, set, wants)
  keep_lease(worker, set, now)
  remember_number()
  return {1, sets_to_wake(now), answer(), 0}
end
-- The number is forgotten with the lease, unless the worker gave back the last that it held.
if settle ~= last + 1 or (last == 0 and not redis.call('ZSCORE', key('leases'), worker)) then
  return {0, {}, answer(), 0}
end

local some_replayed = redis.call('EXISTS', key('replaying')) == 1

local function see(handler, mailbox, occurred)
  local newest = key('newest:' .. mailbox)
  local before = redis.call('HGET', newest, handler)
  if not tonumber(before) or tonumber(before) < occurred then
    redis.call('HSET', newest, handler, whole(occurred))
  end
  redis.call('PEXPIRE', newest, retention)
end

-- Take the events that are through out of their mailbox, and return how many were in it. They are the first
-- ones there, but that is not relied on.
local function take_out(handler_mailbox, entries)
  local ids = {}
  for i, entry in ipairs(entries) do
    if entry.outcome ~= 'park' then
      ids[#ids + 1] = entry.event_id
    end
  end
  local mail = key('mail:' .. handler_mailbox)
  if #ids > 1 then
    local first = redis.call('LRANGE', mail, 0, #ids - 1)
    local same = #first == #ids
    for i = 1, #ids do
      same = same and first[i] == ids[i]
    end
    if same then
      redis.call('LTRIM', mail, #ids, -1)
      return #ids
    end
  end
  local taken = 0
  for _, event_id in ipairs(ids) do
    taken = taken + redis.call('LREM', mail, 1, event_id)
  end
  return taken
end

local given_up = {}

local function write_outcome(handler, mailbox, entry)
  local event_id, outcome = entry.event_id, entry.outcome
  local event = key('event:' .. event_id)
  local handler_mailbox = handler .. ' ' .. mailbox
  local about, open, dead, before =
    unpack(redis.call('HMGET', event, 'about', 'open', 'dead', 'h:' .. handler))
  if before and is_over(before) then -- it was in the mailbox twice, by somebody's hand
    return
  end
  local tried = outcome == 'retry' or outcome == 'park'
  if entry.occurred then
    see(handler, mailbox, entry.occurred)
  end
  if some_replayed and outcome ~= 'park' then
    redis.call('SREM', key('replaying'), event_id .. ' ' .. handler)
  end
  if entry.again and not tried then
    redis.call('ZREM', key('retrying:' .. handler_mailbox), event_id)
  end
  if outcome == 'retry' then
    put_into_due(event_id .. ' ' .. handler_mailbox, now, entry.delay)
  end
  if not about then
    return
  end
  local fields = {'h:' .. handler, entry.record}
  if tried then
    if entry.wants_retries then
      redis.call('ZADD', key('retrying:' .. handler_mailbox), number(read_about(about)), event_id)
    end
    redis.call('HSET', event, 'h:' .. handler, entry.record, 'state', 'retrying')
    return
  end
  dead = number(dead)
  if outcome == 'dead' then
    redis.call('ZADD', key('dead'), now, event_id .. ' ' .. handler)
    dead = dead + 1
    fields[3], fields[4] = 'dead', dead
    if not is_call(event_id) then
      given_up[#given_up + 1] = {handler = handler, mailbox = mailbox, event_id = event_id}
    end
  end
  close(event, math.max(number(open) - 1, 0), dead, fields, retention)
end

-- No replay waits for what is in a mailbox that is parked. A replay keeps few entries under way, but
-- mailboxes may be long.
local function end_replays(handler, mailbox)
  for _, entry in ipairs(redis.call('SMEMBERS', key('replaying'))) do
    local event_id, of = string.match(entry, '^(%S+) (%S+)$')
    if of == handler then
      local _, _, its_mailbox = read_about(redis.call('HGET', key('event:' .. event_id), 'about') or '')
      if its_mailbox == mailbox then
        redis.call('SREM', key('replaying'), entry)
      end
    end
  end
end

local left_hand = {}

local function give_back(result, taken, has_mail)
  local handler, mailbox, where = result.handler, result.mailbox, result.give_back
  local handler_mailbox = handler .. ' ' .. mailbox
  if has_mail and where == 'keep' then
    if taken > 0 and redis.call('HEXISTS', held, handler_mailbox) == 1 then
      redis.call('HINCRBY', held, handler_mailbox, -taken)
    end
    return
  end
  -- One that was left empty before, and given up, may be somebody else's by now.
  if has_mail and redis.call('HEXISTS', held, handler_mailbox) == 1 then
    if where == 'park' then
      put_into_due(' ' .. handler_mailbox, now, result.delay)
      if some_replayed then
        end_replays(handler, mailbox)
      end
    else
      redis.call(where == 'front' and 'LPUSH' or 'RPUSH', key('ready:' .. handler), mailbox)
    end
  end
  left_hand[#left_hand + 1] = handler_mailbox
  if is_limited(handler) and redis.call('HEXISTS', held, handler_mailbox) == 1 then
    redis.call('SREM', key('working:' .. handler), mailbox)
  end
end

local function others_want(handler, event_type)
  for _, other in ipairs(redis.call('HKEYS', key('sets'))) do
    for _, one in ipairs(other ~= set and decode_set(other) or {}) do
      for _, pattern in ipairs(one.name == handler and not one.hook and one.patterns or {}) do
        if fits(event_type, pattern) then
          return true
        end
      end
    end
  end
  return false
end

-- Only the last entry of a mailbox can be unwanted.
local function leave_to_others(result)
  local last = result.entries[#result.entries]
  if not last or last.outcome ~= 'unwanted' then
    return
  end
  local _, event_type = read_about(redis.call('HGET', key('event:' .. last.event_id), 'about') or '')
  if event_type and others_want(result.handler, event_type) then
    result.entries[#result.entries] = nil
  else
    last.outcome = 'done'
    result.give_back = 'end'
  end
end

local handler_mailboxes, taken = {}, {}
for i, result in ipairs(results) do
  leave_to_others(result)
  handler_mailboxes[i] = result.handler .. ' ' .. result.mailbox
  taken[i] = take_out(handler_mailboxes[i], result.entries)
  for _, entry in ipairs(result.entries) do
    write_outcome(result.handler, result.mailbox, entry)
  end
end
local have_mail = which_exist('mail:', handler_mailboxes)
for i, result in ipairs(results) do
  give_back(result, taken[i], have_mail[i])
end
for first = 1, #left_hand, AT_A_TIME do
  redis.call('HDEL', held, unpack(left_hand, first, math.min(first + AT_A_TIME - 1, #left_hand)))
end

-- Not before: what is put into a mailbox that was just left empty makes it ready, and it would be so twice.
for _, one in ipairs(given_up) do
  local about = {event_id = one.event_id, handler = one.handler}
  local call = call_hooks('dead', one.handler, one.mailbox, about, now, retention)
  if call then
    redis.call('HSET', key('event:' .. one.event_id), 'told:' .. one.handler, call)
  end
end

local suspects_wait = take(worker, set, wants, settle, now)
keep_lease(worker, set, now)
remember_number()
return {1, sets_to_wake(now), answer(), suspects_wait}
