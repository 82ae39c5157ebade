-- sweep: what the foreman does every second.
--
-- 0. If the server's clock jumped, all that was due before is put off by as much, and every worker has a
--    whole lease again. The foreman knows it by its own clock, and how many jumps there were when it last
--    swept: so each jump is made up for once, however many foremen there are. One that has just come knows
--    it if somebody has swept in the future.
-- 1. The foreman's own workers live: their leases are renewed, whatever their handlers do, and their
--    handlers were seen. A worker that no pool reported within half a minute is forgotten, and so is its
--    set of handlers if no other worker has it. But if no foreman has swept for five seconds, Redis was
--    away: no pool could report a worker, so everyone gets a whole lease more. Or all pools were: the
--    one that sweeps is the first that is back, so no handler is given up within the next ten minutes.
-- 2. Retries that are due go to the end of their mailboxes, and mailboxes that were parked become ready.
-- 3. What a worker held that is dead, or whose lease has ended, goes back to the front. Of one that is dead
--    its pool may know who is to blame; of one whose lease has ended nobody does (see freeing).
-- 4. The log, that of action attempts and the ids of deliveries are cut to the retention, some of them at
--    a time, and it is noted that a foreman is at work.
-- 5. What came before anybody subscribed is given to the handlers, or told to hooks, and the mail of a
--    handler that no worker had for too long is abandoned, some of it at a time. If all workers are known, a
--    handler that none of them has, and for which nothing waits, is forgotten at once, unless another was
--    moved to its name and its first worker is yet to come.
-- 6. If there is mail for a set of handlers and RQ's queue is empty, an idle worker is woken, or the caller
--    is told to enqueue a shift, unless somebody was told so within the last two seconds and is about to.
--    (If an idle worker that was woken died, there is mail and no note of a shift.) If there is mail and
--    the queue is not empty, a shift waits for it, whatever became of the note that says so.
--
-- ARGV: now, by how much the clock jumped (ms), number of jumps known (-1: it has not swept before),
--   retention (ms), forget after (ms), most retries, beginning of the names of RQ's queues,
--   JSON {alive: [worker, …],
--     dead: [{worker, blamed: 'entry' | 'unknown' | 'nobody', entry: event_id and handler, if blamed}, …],
--     alone: are there no other workers than those that are known now}
-- Returns: {{set to enqueue a shift for, …}, number of retries, {worker whose mail was freed, …},
--   {set that no worker has any more, …}, {handler that was abandoned, …}, whether there may be more to
--   do (0 or 1): then call it again, now, number of jumps, {handler that nobody has, and for which
--   nothing waited, …}}

local MOST_CUT = 1000
local TO_START_AGAIN = 600000

local now = clock(ARGV[1])
local retention = tonumber(ARGV[4])
local told = cjson.decode(ARGV[8])

local function add_to_times(name, by)
  local all = redis.call('ZRANGE', key(name), 0, -1, 'WITHSCORES')
  for i = 1, #all, 2 do
    redis.call('ZADD', key(name), all[i + 1] + by, all[i])
  end
end

-- Mail of who lives is not to be freed: each has a whole lease to be reported again.
local function renew_all_leases()
  for name, time in pairs({leases = now + LEASE, alive = now}) do
    for _, worker in ipairs(redis.call('ZRANGE', key(name), 0, -1)) do
      redis.call('ZADD', key(name), time, worker)
    end
  end
end

local swept = tonumber(redis.call('GET', key('swept'))) or now
local jumps = number(redis.call('GET', key('jumps')))
local jumped, known = tonumber(ARGV[2]), tonumber(ARGV[3])
if known < 0 then
  jumped, known = swept - now > FOREMAN_GONE_AFTER and now - swept or 0, jumps
end
if jumped ~= 0 and jumps == known then
  renew_all_leases()
  add_to_times('seen', jumped)
  add_to_times('unfetched', jumped)
  redis.call('INCRBY', key('put_off'), jumped) -- as one: `due` may have hundreds of thousands
  for _, member in ipairs(redis.call('SMEMBERS', key('due_since'))) do
    redis.call('ZADD', key('due'), 'XX', 'INCR', -jumped, member)
  end
  jumps = redis.call('INCR', key('jumps'))
  swept = now
end
redis.call('DEL', key('due_since'))

-- No worker was reported in the future: there the clock was, before it was set back and no foreman knew.
local function cut_to(name, latest)
  for _, worker in ipairs(redis.call('ZRANGE', key(name), '(' .. whole(latest), '+inf', 'BYSCORE')) do
    redis.call('ZADD', key(name), latest, worker)
  end
end

if now - swept > FOREMAN_GONE_AFTER then
  renew_all_leases()
  local forget_after = tonumber(ARGV[5])
  local not_before = now - forget_after + math.min(forget_after, TO_START_AGAIN)
  for _, handler in ipairs(redis.call('ZRANGE', key('seen'), '-inf', not_before, 'BYSCORE')) do
    redis.call('ZADD', key('seen'), not_before, handler)
  end
end
cut_to('leases', now + LEASE)
cut_to('alive', now)

local seen = {}
for _, worker in ipairs(told.alive) do
  local set = redis.call('HGET', key('workers'), worker)
  if set then
    redis.call('ZADD', key('alive'), now, worker)
    redis.call('ZADD', key('leases'), 'XX', now + LEASE, worker)
    seen[set] = true
  end
end
for set in pairs(seen) do
  for _, handler in ipairs(words(redis.call('HGET', key('sets'), set))) do
    redis.call('ZADD', key('seen'), now, handler)
  end
end

local due = redis.call('ZRANGE', key('due'), '-inf', due_at(now), 'BYSCORE', 'LIMIT', 0, tonumber(ARGV[6]))
for _, entry in ipairs(due) do
  redis.call('ZREM', key('due'), entry)
  local event_id, handler, mailbox = string.match(entry, '^(%S*) (%S+) (.*)$')
  if not handler then
    note('due', entry)
  elseif event_id ~= '' then
    post(handler, mailbox, event_id)
  elseif redis.call('EXISTS', key('mail:' .. handler .. ' ' .. mailbox)) == 1 then
    redis.call('RPUSH', key('ready:' .. handler), mailbox)
  end
end

local freed, silent = {}, redis.call('ZRANGE', key('alive'), '-inf', now - WORKER_GONE_AFTER, 'BYSCORE')
for _, dead in ipairs(told.dead) do
  if free(dead.worker, dead.blamed, dead.entry) then
    freed[#freed + 1] = dead.worker
  end
  silent[#silent + 1] = dead.worker
end
for _, worker in ipairs(redis.call('ZRANGE', key('leases'), '-inf', now, 'BYSCORE')) do
  if free(worker, 'unknown') then
    freed[#freed + 1] = worker
  end
end
local dropped = #silent > 0 and unsubscribe(silent, now) or {}

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
    redis.call('XTRIM', key('log'), 'MINID', whole(last + 1))
    redis.call('XTRIM', key('attempts'), 'MINID', whole(last + 1))
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

local oldest = now - retention
local more = cut_deliveries(oldest) == MOST_CUT or #due == tonumber(ARGV[6])
if cut_log(oldest, 1) > 0 and cut_log(oldest, MOST_CUT) == MOST_CUT then
  more = true
end

redis.call('SET', key('swept'), now)

if route_waiting(MOST_CUT, retention) + tell_of_waiting(MOST_CUT, now, retention) > 0 then
  more = true
end

local function handlers_of_workers()
  local had = {}
  for _, names in ipairs(redis.call('HVALS', key('sets'))) do
    for _, handler in ipairs(words(names)) do
      had[handler] = true
    end
  end
  return had
end

-- Those that no worker had for too long. One whose workers live is not among them, though Redis was away
-- for so long and no pool could report them yet.
local function forgotten_handlers()
  local unseen = redis.call('ZRANGE', key('seen'), '-inf', now - tonumber(ARGV[5]), 'BYSCORE')
  if #unseen == 0 then
    return unseen
  end
  local had, forgotten = handlers_of_workers(), {}
  for _, handler in ipairs(unseen) do
    if not had[handler] then
      forgotten[#forgotten + 1] = handler
    end
  end
  return forgotten
end

local abandoned, left = {}, EVENTS_A_CALL
for _, handler in ipairs(forgotten_handlers()) do
  unroute(handler, now)
  local may_have_more = left == 0
  if left > 0 then
    may_have_more, left = abandon_mail(handler, left, retention)
  end
  if may_have_more then
    more = true
  else
    forget_subscription(handler)
    abandoned[#abandoned + 1] = handler
  end
end

-- Forget what a reload took away, if nobody else has workers and some are there.
local function forget_unused()
  local had, forgotten = handlers_of_workers(), {}
  if next(had) then
    local subscriptions = redis.call('HGETALL', key('subscriptions'))
    for i = 1, #subscriptions, 2 do
      local handler = subscriptions[i]
      if not had[handler] and not decoded(subscriptions[i + 1]).expected and nothing_waits(handler) then
        forget_subscription(handler)
        forgotten[#forgotten + 1] = handler
      end
    end
  end
  return forgotten
end
local forgotten = told.alone and forget_unused() or {}

local function sets_with_late_mail()
  local wanted = {}
  local sets = redis.call('HGETALL', key('sets'))
  for i = 1, #sets, 2 do
    local set, waiting = sets[i], key('waiting:' .. sets[i])
    local queued = redis.call('LLEN', ARGV[7] .. set) > 0
    if queued then
      redis.call('PEXPIRE', waiting, 60000)
    end
    if has_mail(set, words(sets[i + 1])) then
      local since = redis.call('GET', waiting)
      if queued then
        redis.call('SET', waiting, now, 'PX', 60000)
        wake(set, now)
      -- A clock that was set back must not make it wait for an hour.
      elseif not since or math.abs(now - number(since)) >= 2000 then
        redis.call('DEL', waiting)
        if not wake(set, now) then
          redis.call('SET', waiting, now, 'PX', 60000)
          wanted[#wanted + 1] = set
        end
      end
    end
  end
  return wanted
end

return {sets_with_late_mail(), #due, freed, dropped, abandoned, more and 1 or 0, now, jumps, forgotten}
