-- claim: give a shift that starts its first mail.
--
-- The shift no longer waits in RQ's queue. If more is ready than it takes, the caller is told to
-- enqueue the next shift: so a burst wakes one worker after the other until all are at work.
-- A claim whose answer was lost on the way may come again: it gets the same mail.
--
-- ARGV: now, shift, lease (ms), most mailboxes, how many entries, how many of each
--   mailbox, with the newest (0 or 1)
-- Returns: {enqueue a shift (0 or 1), mail}, mail being a list of
--   {mailbox, careful (0 or 1), {{handler, open events, {order, …}}, …}, {handler, newest (ms), …},
--     then for each entry
--     {entry, body, about, deaths, {handler, record, …}}}

local now = clock(ARGV[1])
local shift = ARGV[2]

redis.call('ZREM', key('resting'), shift)
redis.call('DEL', key('waiting'), key('bell:' .. shift))
local with_newest = ARGV[7] == '1'
local mail = in_hand(shift, with_newest)
if #mail == 0 then
  mail = take(shift, tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), with_newest)
end
keep_lease(shift, now + tonumber(ARGV[3]))
return {wants_shift(now), mail}
