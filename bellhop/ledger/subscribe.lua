-- subscribe: a worker says which handlers it has, before it claims anything.
--
-- 1. A handler that is new is subscribed from this moment on: what is accepted from now on, and fits its
--    patterns, is put into a mailbox of its own.
-- 2. A handler that it leaves to other workers is subscribed as well, if nobody has subscribed it yet: what
--    is accepted before these start waits for them.
-- 3. What came before anybody subscribed is given to the handlers now, in order, a thousand events at a
--    time: the foreman goes on with the rest. So are hooks called about what is in quarantine since then.
--
-- Nothing is changed if a live worker has a handler under the name of a hook of this one, or the other way
-- round, or a hook about other things: each would skip what waits for the other. The error begins with
-- NAMETAKEN, and names it, what it is there ('handler', 'dead' or 'quarantined'), and that worker.
--
-- ARGV: now, retention (ms), worker, fingerprint of its set, JSON [{name, patterns, hook, concurrency}, …],
--   JSON [pattern of names, …]: it takes no other handlers, if there are any,
--   JSON [{name, patterns, hook, concurrency}, …] of these other handlers
-- Returns: {set to enqueue a shift for, …}

local now = clock(ARGV[1])
local worker, set = ARGV[3], ARGV[4]

local function kind_of(one)
  return one.hook or 'handler'
end

local function name_taken()
  local kinds, seen = {}, {[set] = true}
  for _, one in ipairs(cjson.decode(ARGV[5])) do
    kinds[one.name] = kind_of(one)
  end
  local since = '(' .. whole(now - WORKER_GONE_AFTER)
  for _, other in ipairs(redis.call('ZRANGE', key('alive'), since, '+inf', 'BYSCORE')) do
    local theirs = other ~= worker and redis.call('HGET', key('workers'), other)
    for _, one in ipairs(theirs and not seen[theirs] and decode_set(theirs) or {}) do
      if kinds[one.name] and kinds[one.name] ~= kind_of(one) then
        return 'NAMETAKEN ' .. one.name .. ' ' .. kind_of(one) .. ' ' .. other
      end
    end
    seen[theirs or ''] = true
  end
end

local taken = name_taken()
if taken then
  return server.error_reply(taken)
end

redis.call('HSET', key('workers'), worker, set)
redis.call('ZADD', key('alive'), now, worker)
if redis.call('HEXISTS', key('sets'), set) == 0 then
  local names = {}
  for i, one in ipairs(cjson.decode(ARGV[5])) do
    names[i] = one.name
  end
  redis.call('SET', key('set:' .. set),
    '{"since":' .. whole(now) .. ',"handlers":' .. ARGV[5] .. ',"only":' .. ARGV[6] .. '}')
  redis.call('HSET', key('sets'), set, table.concat(names, ' '))
  subscribe_all(now)
end
for _, one in ipairs(cjson.decode(ARGV[7])) do
  expect_handler(one.name, now, one.hook or 'patterns', one.patterns)
end
route_waiting(AT_A_TIME, ARGV[2])
tell_of_waiting(AT_A_TIME, now, ARGV[2])
return sets_to_wake(now)
