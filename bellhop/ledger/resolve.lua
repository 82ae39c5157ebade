-- resolve: deal with dead letters: try one again, or be done with it.
--
-- 1. A dead letter that was dealt with meanwhile, by somebody else, is left alone. So is one that is to be
--    tried again, but of whose event it cannot be read any more to which mailbox it belongs.
-- 2. One that is tried again goes to the end of a mailbox of its handler, and its deaths are forgotten.
-- 3. When nothing of an event is open or dead any more, its time to live begins.
-- 4. If there is mail now, an idle worker is woken; if there is none, and no shift waits in RQ's queue,
--    the caller is told to enqueue one.
--
-- ARGV: now, retention (ms), then for each dead letter
--   'retry' | 'drop', event_id, handler, record
-- Returns: {{set to enqueue a shift for, …}, {for each 1 (done) or 0 (there is no such dead letter)}}

local now = clock(ARGV[1])
local retention = ARGV[2]

local function resolve(what, event_id, handler, record)
  local event = key('event:' .. event_id)
  local about, open, dead = unpack(redis.call('HMGET', event, 'about', 'open', 'dead'))
  local _, _, mailbox = read_about(about or '')
  if about and not mailbox and what == 'retry'
    or redis.call('ZREM', key('dead'), event_id .. ' ' .. handler) == 0 then
    return 0
  end
  if not about then
    return 1
  end
  open, dead = number(open), math.max(number(dead) - 1, 0)
  if what == 'retry' then
    redis.call('HDEL', event, 'deaths:' .. handler, 'interrupted:' .. handler)
    redis.call('HSET', event, 'h:' .. handler, record, 'open', open + 1, 'dead', dead, 'state', 'retrying')
    expect_handler(handler, now)
    post(handler, mailbox, event_id)
  else
    close(event, open, dead, {'h:' .. handler, record, 'dead', dead}, retention)
  end
  return 1
end

local done = {}
for i = 3, #ARGV, 4 do
  done[#done + 1] = resolve(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
end
return {sets_to_wake(now), done}
