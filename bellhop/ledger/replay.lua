-- replay: give events that are on record to handlers once more, or to new ones, a few at a time.
--
-- 1. What a handler has before it anyway is left alone: an event that waits for all its handlers, or
--    for this one to be tried again, behind others, or from an earlier call. So is one whose record
--    is gone, or not what the caller read.
-- 2. The others go to the end of their mailboxes, for one handler each, in the order given. Later
--    events do not wait behind them, as they do behind one that failed, until they fail, too.
-- 3. A dead letter that is replayed is none any more.
-- 4. The record of the event stays while something of it is open: settle says what then.
-- 5. The caller hears how many of the entries that were replayed wait in mailboxes (`replaying`), and
--    puts in more when few are left: so other mail has few of them before it.
-- 6. If there is mail now, a shift that rests is rung for; if there is none, and none waits in RQ's
--    queue, the caller is told to enqueue one.
--
-- ARGV: now, then for each entry
--   event_id, handler, record of the handler as it was read ('' if there is none), record
-- Returns: {enqueue a shift (0 or 1), {for each 1 (done) or 0 (left alone)}, how many wait}

local now = clock(ARGV[1])

local function replay(event_id, handler, read, record)
  local event = key('event:' .. event_id)
  local entry = event_id .. ' ' .. handler
  local deaths = 'deaths:' .. handler
  local fields = redis.call('HMGET', event, 'state', 'about', 'h:' .. handler, 'open', 'dead', deaths)
  if not fields[2] or fields[1] == 'accepted' or (fields[3] or '') ~= read then
    return 0
  end
  local mailbox = cjson.decode(string.match(fields[2], ' (.*)$'))[2]
  local open = tonumber(fields[4] or 0)
  if open > 0 and redis.call('ZSCORE', key('unfinished:' .. handler .. ' ' .. mailbox), event_id)
    or redis.call('SADD', key('replaying'), entry) == 0 then
    return 0
  end
  if tonumber(fields[5] or 0) > 0 and redis.call('ZREM', key('dead'), entry) == 1 then
    redis.call('HINCRBY', event, 'dead', -1)
  end
  if fields[6] then
    redis.call('HDEL', event, deaths)
  end
  redis.call('HSET', event, 'state', 'retrying', 'open', open + 1, 'h:' .. handler, record)
  redis.call('PERSIST', event)
  post(mailbox, entry)
  return 1
end

local done = {}
for i = 2, #ARGV, 4 do
  done[#done + 1] = replay(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
end
return {wants_shift(now), done, redis.call('SCARD', key('replaying'))}
