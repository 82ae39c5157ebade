-- idle: a worker with empty hands waits a moment for mail, before its shift ends.
--
-- To start a shift takes RQ some milliseconds. An idle worker is woken instead: by the script that makes mail
-- ready for it (see `wake` in waking), on a list of its own, that it waits at, even if another shift
-- waits in RQ's queue: perhaps for this worker. When it claims, or its time is up, it is idle no more.
--
-- ARGV: now, worker, fingerprint of its set of handlers, how long it waits (ms)
-- Returns: 1 if there is mail, or the ledger does not know the worker's handlers (any more): it must not
--   wait but claim; else 0

local now = clock(ARGV[1])
local worker, set = ARGV[2], ARGV[3]

redis.call('DEL', key('wake:' .. worker))
if redis.call('HGET', key('workers'), worker) ~= set
  or has_mail(set, words(redis.call('HGET', key('sets'), set))) then
  return 1
end
redis.call('ZADD', key('idle:' .. set), now + tonumber(ARGV[4]), worker)
return 0
