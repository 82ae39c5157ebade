-- resolve: deal with dead letters: try one again, or be done with it.
--
-- 1. A dead letter that was dealt with meanwhile, by somebody else, is left alone.
-- 2. One that is tried again goes to the end of its mailbox, for its handler only. It is open for that
--    handler again: later events may wait behind it.
-- 3. One that could not even be read ('*') is no handler's: its event is tried again as a whole.
-- 4. When nothing of an event is open or dead any more, its time to live begins.
-- 5. If there is mail now, a shift that rests is rung for; if there is none, and none waits in RQ's
--    queue, the caller is told to enqueue one.
--
-- ARGV: now, retention (ms), then for each dead letter
--   'retry' | 'drop', event_id, handler, record
-- Returns: {enqueue a shift (0 or 1), {for each 1 (done) or 0 (there is no such dead letter)}}

local now = clock(ARGV[1])
local retention = ARGV[2]

local function try_again(event, event_id, handler, over)
  local mailbox = cjson.decode(string.match(redis.call('HGET', event, 'about'), ' (.*)$'))[2]
  redis.call('HDEL', event, 'deaths', 'deaths:' .. handler)
  if handler == '*' then
    redis.call('HDEL', event, 'h:*')
    redis.call('HSET', event, 'state', 'accepted')
    post(mailbox, event_id)
    return
  end
  redis.call('HINCRBY', event, 'open', 1)
  if over then
    redis.call('HSET', event, 'state', 'retrying')
  end
  redis.call('SADD', key('open:' .. mailbox), handler)
  redis.call('ZADD', key('unfinished:' .. handler .. ' ' .. mailbox), order_of(event_id), event_id)
  post(mailbox, event_id .. ' ' .. handler)
end

local function resolve(what, event_id, handler, record)
  if redis.call('ZREM', key('dead'), event_id .. ' ' .. handler) == 0 then
    return 0
  end
  local event = key('event:' .. event_id)
  if redis.call('EXISTS', event) == 0 then
    return 1
  end
  local dead = redis.call('HINCRBY', event, 'dead', -1)
  redis.call('HSET', event, 'h:' .. handler, record)
  -- Otherwise other handlers are still to see the event, or to try it again, and settle says what then.
  local over = redis.call('HGET', event, 'state') == 'dead'
  if what == 'retry' then
    try_again(event, event_id, handler, over)
  elseif over and dead <= 0 then
    redis.call('HSET', event, 'state', 'done')
    redis.call('PEXPIRE', event, retention)
  end
  return 1
end

local done = {}
for i = 3, #ARGV, 4 do
  done[#done + 1] = resolve(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
end
return {wants_shift(now), done}
