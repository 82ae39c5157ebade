-- sweep: what the foreman does every second.
--
-- 1. Retries that are due go to the end of their mailboxes.
-- 2. What a shift held whose lease has ended, or whose worker is known to be dead, goes onto
--    `careful`, behind what is there, since it may kill again: from there it is taken one entry at a
--    time, as many entries as the shift had in hand (`doubts`), with half as many others as it was
--    held with (`company`). If the shift had just one entry in hand, the worker died under it, and
--    that is counted. But if no foreman has swept for five seconds, Redis was away, or its clock
--    jumped: a worker that lives could not renew its lease, so what ended meanwhile gets 15 s more.
-- 3. The log, that of action attempts and the ids of deliveries are cut to the retention, some of them
--    at a time, and it is noted that a foreman is at work.
-- 4. If there is mail and RQ's queue is empty, a shift that rests is rung for, or the caller is told to
--    enqueue one, unless somebody was told so within the last two seconds and is about to. (If one that
--    was rung for died, there is mail and no note of a shift.) If there is mail and the queue is not
--    empty, a shift waits for it, whatever became of the note that says so. (The length was read before:
--    with no mail that shift may have begun, and a new note would keep the next event waiting.)
--
-- ARGV: now, retention (ms), length of RQ's queue, most retries, then the names of dead workers
-- Returns: {enqueue a shift (0 or 1), number of retries, {shift that was ended, …},
--   whether there may be more that is due, or too old (0 or 1): then call it again}

local MOST_CUT = 1000
local AWAY_AFTER = 5000
local TO_COME_BACK = 15000

local now = clock(ARGV[1])

local due = redis.call('ZRANGE', key('due'), '-inf', now, 'BYSCORE', 'LIMIT', 0, tonumber(ARGV[4]))
for _, entry in ipairs(due) do
  redis.call('ZREM', key('due'), entry)
  -- Also if the record of the event is gone: others may wait behind it.
  local event_id, handler, mailbox = string.match(entry, '^(%S+) (%S+) (.*)$')
  post(mailbox, event_id .. ' ' .. handler)
end

local function free(shift)
  local held = key('held:' .. shift)
  local in_hand = redis.call('HGETALL', held)
  for i = 1, #in_hand, 2 do
    local mailbox, entries = in_hand[i], tonumber(in_hand[i + 1])
    local first = redis.call('LINDEX', key('mail:' .. mailbox), 0)
    if first then
      local doubts = math.max(tonumber(redis.call('HGET', key('doubts'), mailbox) or 0), entries)
      if doubts > 0 then
        redis.call('HSET', key('doubts'), mailbox, doubts)
        redis.call('HSET', key('company'), mailbox, math.max(1, math.floor(#in_hand / 4)))
        redis.call('RPUSH', key('careful'), mailbox)
      else
        redis.call('LPUSH', key('ready'), mailbox)
      end
      if #in_hand == 2 and entries == 1 then
        local event_id, handler = read_entry(first)
        redis.call('HINCRBY', key('event:' .. event_id), handler and 'deaths:' .. handler or 'deaths', 1)
      end
    end
  end
  redis.call('DEL', held, key('settled:' .. shift))
  redis.call('ZREM', key('shifts'), shift)
end

local swept = tonumber(redis.call('GET', key('swept')) or now)
if now - swept > AWAY_AFTER then
  for _, shift in ipairs(redis.call('ZRANGE', key('shifts'), '(' .. swept, now, 'BYSCORE')) do
    redis.call('ZADD', key('shifts'), now + TO_COME_BACK, shift)
  end
end
local ended = redis.call('ZRANGE', key('shifts'), '-inf', now, 'BYSCORE')
if #ARGV > 4 then
  local dead = {}
  for i = 5, #ARGV do
    dead[ARGV[i]] = true
  end
  for _, shift in ipairs(redis.call('ZRANGE', key('resting'), 0, -1)) do
    if dead[string.match(shift, '^(.*)/%d+$')] then
      redis.call('ZREM', key('resting'), shift)
    end
  end
  for _, shift in ipairs(redis.call('ZRANGE', key('shifts'), '(' .. now, '+inf', 'BYSCORE')) do
    if dead[string.match(shift, '^(.*)/%d+$')] then
      ended[#ended + 1] = shift
    end
  end
end
for _, shift in ipairs(ended) do
  free(shift)
end

-- Cut the log, whose entries are `order-milliseconds`. Return how many entries of it were too old.
local function cut_log(oldest, most)
  local last
  local cut = 0
  for _, entry in ipairs(redis.call('XRANGE', key('log'), '-', '+', 'COUNT', most)) do
    local order, came = string.match(entry[1], '^(%d+)-(%d+)$')
    if tonumber(came) > oldest then
      break
    end
    last = order
    cut = cut + 1
  end
  if last then
    redis.call('XTRIM', key('log'), 'MINID', string.format('%d', last + 1))
    redis.call('XTRIM', key('attempts'), 'MINID', string.format('%d', last + 1))
  end
  return cut
end

local function cut_deliveries(oldest)
  local cut = math.min(redis.call('ZCOUNT', key('deliveries'), '-inf', oldest), MOST_CUT)
  if cut > 0 then
    redis.call('ZREMRANGEBYRANK', key('deliveries'), 0, cut - 1)
  end
  return cut
end

local oldest = now - tonumber(ARGV[2])
local cut = cut_deliveries(oldest)
if cut_log(oldest, 1) > 0 then
  cut = math.max(cut, cut_log(oldest, MOST_CUT))
end

redis.call('SET', key('swept'), now)

local enqueue = 0
local queued = tonumber(ARGV[3]) > 0
if queued then
  redis.call('PEXPIRE', key('waiting'), 60000)
end
if mail_is_ready() then
  local since = redis.call('GET', key('waiting'))
  -- A clock that was set back must not make it wait for an hour.
  local late = not since or math.abs(now - tonumber(since)) >= 2000
  if queued then
    redis.call('SET', key('waiting'), now, 'PX', 60000)
    ring(now)
  elseif late then
    redis.call('DEL', key('waiting'))
    enqueue = wants_shift(now)
  end
end
local more = #due == tonumber(ARGV[4]) or cut == MOST_CUT
return {enqueue, #due, ended, more and 1 or 0}
