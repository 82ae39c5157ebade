-- settle: write down what a shift did, give back what it is done with, and claim its next mail.
--
-- 0. A settle whose answer was lost on the way may come again: it is known by its number, nothing is
--    written twice, and the answer is the mail that the shift holds. One that is not the next writes
--    nothing: a later one is written already, and it was held up on the way; or the one before is not.
-- 1. If the shift's lease was taken away, others have its mail: nothing is written.
-- 2. Outcomes of handlers go into the event's record; retries into `due`, the dead into `dead`.
-- 3. A finished entry leaves its mailbox. When nothing of an event is open any more, its state is
--    final and its time to live begins; one with dead letters stays until they are dealt with.
-- 4. While an event is open for a handler, later events of the mailbox may wait behind it. When the
--    first that is open waits, since those before it are done with, or given up, it goes into the
--    mailbox, with those that wait right behind it: if it fails, they will wait again.
-- 5. A mailbox that is given back goes to the end of the ready list if it still has mail (to the
--    front if the shift had not begun with it), and one left empty is always given up.
-- 6. The next mail is claimed in the same call.
--
-- ARGV: now, shift, number of this settle, lease (ms), retention (ms), most mailboxes, how many
--   entries, how many of each mailbox, with the newest (0 or 1), and as JSON, which costs less than
--   that many arguments, [[mailbox, 'keep' | 'end' | 'front', entries], …], entries being
--     [[entry, is it finished, its outcomes, final state], …], outcomes being
--       [[handler, 'done' | 'retry' | 'behind' | 'dead', delay of the retry (ms), record,
--         when the event occurred (ms) if the handler saw it and wants to know, or null], …]
-- Returns: {still ours (0 or 1), enqueue a shift (0 or 1), mail as claim returns it,
--   whether mailboxes wait that only a shift with empty hands may take (0 or 1)}

local now = clock(ARGV[1])
local shift = ARGV[2]
local lease = tonumber(ARGV[4])
local retention = ARGV[5]
local with_newest = ARGV[9] == '1'

local number, last = tonumber(ARGV[3]), tonumber(redis.call('GET', key('settled:' .. shift)) or 0)
if number == last then
  keep_lease(shift, now + lease)
  return {1, wants_shift(now), in_hand(shift, with_newest), careful_waits()}
end
if number ~= last + 1 or not redis.call('ZSCORE', key('shifts'), shift) then
  return {0, 0, {}, 0}
end

local MOST_LET_GO = 16

local held = key('held:' .. shift)
local doubted = redis.call('EXISTS', key('doubts')) == 1

-- Entries that need no longer wait behind others. They are put into the mailbox when it is given back:
-- until then an empty one would seem to be nobody's.
local let_go = {}
-- Whether any event of the mailbox is open: most have none, and need not be looked at.
local any_open = false

local function open_for(handler, mailbox, event_id)
  any_open = true
  redis.call('SADD', key('open:' .. mailbox), handler)
  redis.call('ZADD', key('unfinished:' .. handler .. ' ' .. mailbox), order_of(event_id), event_id)
end

local function let_first_go(handler, mailbox)
  local behind = key('behind:' .. handler .. ' ' .. mailbox)
  local events = redis.call('ZRANGE', key('unfinished:' .. handler .. ' ' .. mailbox), 0, MOST_LET_GO - 1)
  for _, event_id in ipairs(events) do
    if redis.call('ZREM', behind, event_id) == 0 then
      break
    end
    let_go[#let_go + 1] = event_id .. ' ' .. handler
  end
end

-- Return 1 if the event did not wait already.
local function wait_behind(handler, mailbox, event_id)
  open_for(handler, mailbox, event_id)
  local waits = redis.call('ZADD', key('behind:' .. handler .. ' ' .. mailbox), order_of(event_id), event_id)
  let_first_go(handler, mailbox)
  return waits
end

local function close_for(handler, mailbox, event_id)
  local events = key('unfinished:' .. handler .. ' ' .. mailbox)
  if not any_open or redis.call('ZREM', events, event_id) == 0 then
    return
  end
  let_first_go(handler, mailbox)
  if redis.call('EXISTS', events) == 0 then
    redis.call('SREM', key('open:' .. mailbox), handler)
  end
end

local function see(handler, mailbox, occurred)
  local newest = key('newest:' .. mailbox)
  local before = redis.call('HGET', newest, handler)
  if not before or tonumber(before) < occurred then
    redis.call('HSET', newest, handler, string.format('%d', occurred))
  end
  redis.call('PEXPIRE', newest, retention)
end

-- 2. `open` counts the entries of an event for one handler: in its mailbox, in `due`, or behind others;
--    `dead` those in `dead`. An outcome may come twice, if a worker died before it finished the entry.
local function write_outcomes(mailbox, event_id, known, written, outcomes)
  local open, dead = 0, 0
  for _, one in ipairs(outcomes) do
    local handler, outcome, delay, record, occurred = unpack(one)
    written[#written + 1] = 'h:' .. handler
    written[#written + 1] = record
    if outcome == 'retry' then
      local retry = event_id .. ' ' .. handler .. ' ' .. mailbox
      open = open + redis.call('ZADD', key('due'), now + delay, retry)
      if known then
        open_for(handler, mailbox, event_id)
      end
    elseif outcome == 'behind' then
      open = open + wait_behind(handler, mailbox, event_id)
    else
      if outcome == 'dead' then
        dead = dead + redis.call('ZADD', key('dead'), now, event_id .. ' ' .. handler)
      end
      close_for(handler, mailbox, event_id)
    end
    if occurred ~= cjson.null then
      see(handler, mailbox, occurred)
    end
  end
  return open, dead
end

-- Take the finished entries out of their mailbox, and return which were in it (1, else 0), and how many.
-- They are the first ones there, but that is not relied on.
local function take_out(mailbox, entries)
  local finished, left = {}, {}
  for _, one in ipairs(entries) do
    if one[2] then
      finished[#finished + 1] = one[1]
    end
  end
  local mail = key('mail:' .. mailbox)
  if #finished > 1 then
    local first = redis.call('LRANGE', mail, 0, #finished - 1)
    local same = #first == #finished
    for i = 1, #finished do
      same = same and first[i] == finished[i]
      left[finished[i]] = 1
    end
    if same then
      redis.call('LTRIM', mail, #finished, -1)
      return left, #finished
    end
  end
  local all = 0
  for _, entry in ipairs(finished) do
    left[entry] = redis.call('LREM', mail, 1, entry)
    all = all + left[entry]
  end
  return left, all
end

local function settle_entry(mailbox, settled, taken_out)
  local entry, finished, outcomes, state = unpack(settled)
  local event_id, handler = read_entry(entry)
  local event = key('event:' .. event_id)
  local left = finished and taken_out[entry] or 0
  local before = redis.call('HMGET', event, 'state', 'open', 'dead')
  local known = before[1]
  local written = {}
  local more_open, more_dead = write_outcomes(mailbox, event_id, known, written, outcomes)
  more_open = more_open - (handler and left or 0)
  local open, dead = (before[2] or 0) + more_open, (before[3] or 0) + more_dead

  if handler and left > 0 then
    redis.call('SREM', key('replaying'), entry)
  end
  if handler and finished and not known then
    close_for(handler, mailbox, event_id)
  end
  if finished then
    if doubted and redis.call('HEXISTS', key('doubts'), mailbox) == 1
      and redis.call('HINCRBY', key('doubts'), mailbox, -1) <= 0 then
      redis.call('HDEL', key('doubts'), mailbox)
      redis.call('HDEL', key('company'), mailbox)
    end
    if open > 0 then
      state = 'retrying'
    elseif dead > 0 then
      state = 'dead'
    else
      redis.call('PEXPIRE', event, retention)
    end
    written[#written + 1] = 'state'
    written[#written + 1] = state
  elseif not handler then
    written[#written + 1] = 'begun'
    written[#written + 1] = '1'
    written[#written + 1] = 'deaths'
    written[#written + 1] = '0'
  end
  if more_open ~= 0 then
    written[#written + 1] = 'open'
    written[#written + 1] = open
  end
  if more_dead ~= 0 then
    written[#written + 1] = 'dead'
    written[#written + 1] = dead
  end
  if known and #written > 0 then
    redis.call('HSET', event, unpack(written))
  end
end

-- Mailboxes that were left empty leave the hand all at once, in the end.
local emptied = {}

local function give_back(mailbox, where, left, has_mail)
  if not has_mail then
    emptied[#emptied + 1] = mailbox
  elseif where == 'keep' then
    if left > 0 and redis.call('HEXISTS', held, mailbox) == 1 then
      redis.call('HINCRBY', held, mailbox, -left)
    end
  -- One that was left empty before, and given up, may be somebody else's by now.
  elseif redis.call('HDEL', held, mailbox) == 1 then
    local list = 'ready'
    if doubted and redis.call('HEXISTS', key('doubts'), mailbox) == 1 then
      list = 'careful'
    end
    redis.call(where == 'front' and 'LPUSH' or 'RPUSH', key(list), mailbox)
  end
end

local results = cjson.decode(ARGV[10])
local mailboxes, behind, left = {}, {}, {}
for i, result in ipairs(results) do
  mailboxes[i] = result[1]
end
local have_open = which_exist('open:', mailboxes)
for i, result in ipairs(results) do
  any_open = have_open[i]
  local taken_out
  taken_out, left[i] = take_out(mailboxes[i], result[3])
  for _, settled in ipairs(result[3]) do
    settle_entry(mailboxes[i], settled, taken_out)
  end
  behind[i], let_go = let_go, {}
end
local have_mail = which_exist('mail:', mailboxes)
for i, result in ipairs(results) do
  give_back(mailboxes[i], result[2], left[i], have_mail[i])
  for _, entry in ipairs(behind[i]) do
    post(mailboxes[i], entry)
  end
end
for first = 1, #emptied, AT_A_TIME do
  redis.call('HDEL', held, unpack(emptied, first, math.min(first + AT_A_TIME - 1, #emptied)))
end

local mail = take(shift, tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), with_newest)
keep_lease(shift, now + lease)
-- While the shift holds mail its number is remembered, however long the answer takes to get through:
-- sweep forgets it with the lease.
if redis.call('EXISTS', held) == 1 then
  redis.call('SET', key('settled:' .. shift), ARGV[3])
else
  redis.call('SET', key('settled:' .. shift), ARGV[3], 'PX', lease)
end
return {1, wants_shift(now), mail, careful_waits()}
