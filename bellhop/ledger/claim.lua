-- claim: give a shift with empty hands its first mail.
--
-- One that starts no longer waits in RQ's queue; one that rested came out of there long ago, and
-- perhaps another waits there now. If more is ready than the shift takes, the next one is rung for, or
-- the caller is told to enqueue it: so a burst wakes one worker after the other until all are at work.
-- A claim whose answer was lost on the way may come again: it gets the same mail.
--
-- ARGV: now, shift, lease (ms), most mailboxes, how many entries, how many of each
--   mailbox, with the newest (0 or 1), 'start' | 'rest' for what it comes from, number of its
--   last settle
-- Returns: {enqueue a shift (0 or 1), mail}, mail being a list of
--   {mailbox, careful (0 or 1), {{handler, open events, {order, …}}, …}, {handler, newest (ms), …},
--     then for each entry
--     {body, about, deaths, {handler, record, …}, entry}}

local now = clock(ARGV[1])
local shift = ARGV[2]

if ARGV[8] == 'rest' then
  redis.call('ZREM', key('resting'), shift)
  redis.call('DEL', key('bell:' .. shift))
else
  redis.call('DEL', key('waiting'))
end
local with_newest = ARGV[7] == '1'
local mail = in_hand(shift, with_newest)
if #mail == 0 then
  mail = take(shift, tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), with_newest)
end
keep_lease(shift, now + tonumber(ARGV[3]))
-- The number may have been forgotten while the shift held nothing. A claim that was held up on the way
-- must not put it back to an older one.
local number, last = tonumber(ARGV[9]), tonumber(redis.call('GET', key('settled:' .. shift)) or 0)
if #mail > 0 and number > 0 and number >= last then
  redis.call('SET', key('settled:' .. shift), ARGV[9])
end
return {wants_shift(now), mail}
