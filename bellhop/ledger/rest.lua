-- rest: a shift with empty hands waits a moment for mail, before it ends.
--
-- To start a shift takes RQ some milliseconds. One that rests is rung for instead: by whoever makes
-- mail ready (see `ring` in common), on a list of its own, that it waits at, even if another shift
-- waits in RQ's queue: perhaps for this worker. When it claims, or its time is up, it rests no more.
--
-- ARGV: now, shift, how long it rests (ms)
-- Returns: 1 if there is mail, and it must not rest but claim; else 0

local now = clock(ARGV[1])
local shift = ARGV[2]

redis.call('DEL', key('bell:' .. shift))
if mail_is_ready() then
  return 1
end
redis.call('ZADD', key('resting'), now + tonumber(ARGV[3]), shift)
return 0
