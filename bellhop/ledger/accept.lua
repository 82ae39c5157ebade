-- accept: take in a batch of verified deliveries, each once.
--
-- 1. A delivery whose svix-id was seen is a duplicate, and so is an event whose id was seen.
-- 2. A new event is stored, logged, and put at the end of its mailbox.
-- 3. A signed body that is no Seam event is stored in quarantine.
-- 4. If there is mail now and no shift waits in RQ's queue, the caller is told to enqueue one.
--
-- ARGV: now, retention, then for each delivery either
--   'event', svix-id, event_id, event_type, mailbox, body   or
--   'quarantine', svix-id, problems, '', '', body
-- Returns: {enqueue a shift (0 or 1), then for each delivery 1 (new) or 0 (duplicate)}

local now = clock(ARGV[1])
local retention = ARGV[2]
local answer = {0}

for i = 3, #ARGV, 6 do
  local kind, delivery, name, body = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 5]
  local new = 0
  if kind == 'event' then
    local event = key('event:' .. name)
    if redis.call('SET', key('delivery:' .. delivery), name, 'NX', 'PX', retention)
      and redis.call('HSETNX', event, 'body', body) == 1 then
      local event_type, mailbox = ARGV[i + 3], ARGV[i + 4]
      redis.call('HSET', event, 'type', event_type, 'mailbox', mailbox, 'delivery', delivery,
        'received', now, 'state', 'accepted')
      redis.call('XADD', key('log'), '*', 'event', name)
      post(mailbox, name)
      new = 1
    end
  elseif redis.call('SET', key('delivery:' .. delivery), '', 'NX', 'PX', retention) then
    redis.call('HSET', key('quarantined:' .. delivery), 'body', body, 'problems', name, 'received', now)
    redis.call('ZADD', key('quarantine'), now, delivery)
    new = 1
  end
  answer[#answer + 1] = new
end

answer[1] = wants_shift(now)
return answer
