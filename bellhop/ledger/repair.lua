-- repair: what the foreman does every second besides sweep: it looks at a part of the ledger, and mends
-- what a fault, a script that failed half-way, or somebody's own write left there.
--
-- All foremen together look five times a second at most. Each time
-- 1. the ledger's own keys are asked for their size, so that one of another type is put aside (see
--    calling), and a set of handlers that cannot be read is forgotten: a worker that has it is called,
--    and subscribes again. What a set of a live worker has is subscribed;
-- 2. a worker that is subscribed lives until it is silent, and has a lease if it holds mail; one worker in
--    its turn holds what is its own to hold, and what counts as at work of one limited handler in its turn is
--    held by somebody;
-- 3. of one handler in its turn fifty mailboxes of its lists are looked at;
-- 4. the log is walked on, 500 events, or as many as have about 200 mailboxes with mail, and from its end to
--    its beginning again: with a million events on record, each is looked at in 35 minutes; and some of
--    the last 5,000 calls of hooks. An event that a handler is not through with is in
--    that handler's mailbox, or in `due`, else it goes there; its mailbox is looked at; its dead letters are
--    among the dead; and its record says how many handlers are left.
-- A mailbox that is looked at is on a list once, or held, or parked, if it has mail, and else nowhere. Of a
-- list of more than 2,000 mailboxes, or a mailbox of more than 1,000 entries, that is not known: they are
-- looked at when they are shorter. The log, which has all events of the retention, costs the others
-- nothing; a set of the mailboxes with mail would have to be written for each event.
--
-- ARGV: now, retention (ms)
-- Returns: {{what was repaired and where, since the last time, …}, {set to enqueue a shift for, …}}

local PAUSE = 200

local wanted = {}

local SIZE_OF = {
  ZCARD = {'deliveries', 'seen', 'alive', 'leases', 'due', 'created', 'unfetched', 'dead', 'quarantine',
    'drift', 'alarms'},
  HLEN = {'subscriptions', 'limits', 'routes', 'workers', 'sets', 'moving', 'abandoning',
    'repaired'},
  SCARD = {'paused', 'replaying'},
  LLEN = {'unrouted', 'unindexed', 'untold'},
  XLEN = {'log', 'attempts'},
  GET = {'jumps', 'put_off', 'order', 'calls', 'fetched_to', 'swept', 'sealed'},
}

local function check_types()
  for size, names in pairs(SIZE_OF) do
    for _, name in ipairs(names) do
      redis.call(size, key(name))
    end
  end
end

local function is_whole(set, names)
  local found = {}
  for i, one in ipairs(decode_set(set)) do
    found[i] = one.name
  end
  return table.concat(found, ' ') == names -- a worker may have no handler at all
end

local function mend_subscriptions()
  local sets = redis.call('HGETALL', key('sets'))
  local known, missing = {}, false
  for i = 1, #sets, 2 do
    if is_whole(sets[i], sets[i + 1]) then
      known[sets[i]] = true
      for _, handler in ipairs(words(sets[i + 1])) do
        if redis.call('HEXISTS', key('subscriptions'), handler) == 0 then
          note('subscription', handler)
          missing = true
        end
      end
    else
      redis.call('HDEL', key('sets'), sets[i])
      redis.call('DEL', key('set:' .. sets[i]))
      note('set', sets[i])
    end
  end
  for _, set in ipairs(redis.call('HVALS', key('workers'))) do
    if not known[set] then
      known[set] = true
      wanted[#wanted + 1] = set
    end
  end
  if missing then
    subscribe_all(now)
  end
  for _, handler in ipairs(redis.call('HKEYS', key('subscriptions'))) do
    redis.call('ZADD', key('seen'), 'NX', now, handler)
  end
end

if math.abs(now - number(redis.call('HGET', key('repair'), 'at'))) < PAUSE then
  return {{}, {}}
end
local turn = redis.call('HINCRBY', key('repair'), 'turn', 1)
check_types()
mend_subscriptions()
mend_workers(turn)
mend_working(turn)
mend_lists(turn)
mend_calls(turn)
mend_replaying()
local walked_to = mend_events(redis.call('HGET', key('repair'), 'log'))
redis.call('HSET', key('repair'), 'at', now, 'log', walked_to)

local told = redis.call('LRANGE', key('repairs'), 0, -1)
if #told > 0 then
  redis.call('DEL', key('repairs'))
  redis.call('HSET', key('repaired'), 'at', now)
end
return {told, wanted}
