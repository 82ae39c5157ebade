-- forget: be done with a handler that no worker has, some of its mail at a time.
--
-- 1. While a worker has it, nothing is done: it would be subscribed again with the next deploy.
-- 2. From the first call on, nothing new is given to it.
-- 3. What is ready is written down as abandoned. It can be replayed.
-- 4. What a worker still holds, which died or is about to stop, comes back to the lists within half a
--    minute: until then, the caller asks again.
-- 5. Then what is in `due` is abandoned, a page of that in each call. Nothing is added to it any more, so one
--    walk through it is enough. When that is over, the handler is forgotten.
-- 6. A caller that stops half-way leaves the rest as it was; another goes on from there.
--
-- ARGV: now, retention (ms), handler, cursor of the walk through `due` ('0' at first)
-- Returns: {'unknown' | 'had' | 'held' | 'more' | 'over', events abandoned, cursor to go on from,
--   {workers that have it, or hold mail of it, …}}

local now = clock(ARGV[1])
local retention, handler, cursor = ARGV[2], ARGV[3], ARGV[4]

if redis.call('HEXISTS', key('subscriptions'), handler) == 0 then
  return {'unknown', 0, '0', {}}
end
local having = workers_with(handler, now)
if #having > 0 then
  return {'had', 0, '0', having}
end
unroute(handler, now)
local events, left = abandon_ready(handler, EVENTS_A_CALL, retention)
if left < EVENTS_A_CALL then
  return {'more', events, cursor, {}}
end
local holders = holders_of(handler)
if #holders > 0 then
  return {'held', 0, '0', holders}
end
events, cursor = abandon_some_due(handler, cursor, EVENTS_A_CALL, retention)
if cursor ~= '' then
  return {'more', events, cursor, {}}
end
forget_subscription(handler)
return {'over', events, '0', {}}
