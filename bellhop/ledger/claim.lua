-- claim: give a worker with empty hands its first mail.
--
-- One whose shift starts no longer waits in RQ's queue; one that was idle came out of there long ago,
-- and perhaps another waits there now. If more is ready than the worker takes, the next one is woken, or
-- the caller is told to enqueue a shift: so a burst wakes one worker after the other until all work.
-- A claim whose answer was lost on the way may come again: it gets the same mail.
--
-- ARGV: now, worker, fingerprint of its set of handlers, 'idle' | 'start' for what it comes from,
--   number of its last settle, JSON of what it wants (see take)
-- Returns: {does the ledger know the worker's handlers (0 or 1), {set to enqueue a shift for, …},
--   {mail, events} as claiming says}

local now = clock(ARGV[1])
local worker, set = ARGV[2], ARGV[3]
local settles = tonumber(ARGV[5])
local wants = cjson.decode(ARGV[6])

if redis.call('HGET', key('workers'), worker) ~= set or redis.call('HEXISTS', key('sets'), set) == 0 then
  return {0, {}, answer()}
end
if ARGV[4] == 'idle' then
  redis.call('ZREM', key('idle:' .. set), worker)
  redis.call('DEL', key('wake:' .. worker))
else
  redis.call('DEL', key('waiting:' .. set))
end
if not give_held(worker, set, wants) then
  take(worker, set, wants, settles, now)
end
keep_lease(worker, set, now)
-- The number may have been forgotten while the worker held nothing. A claim that was held up on the way
-- must not put it back to an older one.
local last = number(redis.call('GET', key('settled:' .. worker)))
if #given.mail > 0 and settles > 0 and settles >= last then
  redis.call('SET', key('settled:' .. worker), settles)
elseif #given.mail == 0 then -- what it held may be on its list again, with mail that came since
  redis.call('PEXPIRE', key('settled:' .. worker), LEASE)
end
return {1, sets_to_wake(now), answer()}
