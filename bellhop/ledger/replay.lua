-- replay: give events that are on record to handlers once more, or to new ones, a few at a time.
--
-- 1. What a handler has before it anyway is left alone: an event that waits for it, or that it is to try
--    again, or that an earlier call put there. So is one whose record is gone, or not what the caller read.
-- 2. The others go to the end of a mailbox of the handler, in the order given.
-- 3. A dead letter that is replayed is none any more.
-- 4. The record of the event stays while something of it is open: settle says what then.
-- 5. Until it is handled, or is to be tried again, an entry is in `replaying`: the caller sees there
--    how many wait in mailboxes, and puts in more when few are left. So other mail has few of them before
--    it. Those in a mailbox that is parked are not in there: the replay of other devices need not wait
--    until the first is tried again.
-- 6. If there is mail now, an idle worker is woken; if there is none, and no shift waits in RQ's queue,
--    the caller is told to enqueue one.
--
-- ARGV: now, then for each entry
--   event_id, handler, record of the handler as it was read ('' if there is none), record
-- Returns: {{set to enqueue a shift for, …}, {for each 1 (done) or 0 (left alone)}}

local now = clock(ARGV[1])

local function replay(event_id, handler, read, record)
  local event = key('event:' .. event_id)
  local entry = event_id .. ' ' .. handler
  local about, before, open, dead =
    unpack(redis.call('HMGET', event, 'about', 'h:' .. handler, 'open', 'dead'))
  -- An event that waits for its first worker has neither handlers nor a state.
  local is_open = before and OPEN[state_of(before)]
  if not about or not read_about(about) or is_open or (before or '') ~= read
    or not (open or redis.call('HEXISTS', event, 'state') == 1) then
    return 0
  end
  local _, _, mailbox = read_about(about)
  if not redis.call('ZSCORE', key('due'), ' ' .. handler .. ' ' .. mailbox) then
    redis.call('SADD', key('replaying'), entry)
  end
  dead = number(dead)
  if dead > 0 then
    dead = dead - redis.call('ZREM', key('dead'), entry)
  end
  redis.call('HDEL', event, 'deaths:' .. handler, 'interrupted:' .. handler)
  redis.call('HSET', event, 'state', 'retrying', 'open', number(open) + 1, 'dead', dead,
    'h:' .. handler, record)
  redis.call('PERSIST', event)
  expect_handler(handler, now)
  post(handler, mailbox, event_id)
  return 1
end

local done = {}
for i = 2, #ARGV, 4 do
  done[#done + 1] = replay(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
end
return {sets_to_wake(now), done}
