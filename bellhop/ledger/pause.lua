-- pause: have nothing more of a handler claimed, or have it claimed again.
--
-- 1. What is accepted for a paused handler waits, and so do its retries. What workers have in hand of it
--    is run.
-- 2. One that is resumed may have mail: an idle worker is woken; if there is none, and no shift waits in
--    RQ's queue, the caller is told to enqueue one.
--
-- ARGV: now, handler, 'pause' | 'resume'
-- Returns: {'unknown' (it is not subscribed) | 'changed' | 'same' (it was so before),
--   {set to enqueue a shift for, …}}

local now = clock(ARGV[1])
local handler = ARGV[2]

if redis.call('HEXISTS', key('subscriptions'), handler) == 0 then
  return {'unknown', {}}
end
local changed = redis.call(ARGV[3] == 'pause' and 'SADD' or 'SREM', key('paused'), handler) == 1
return {changed and 'changed' or 'same', sets_to_wake(now)}
