-- What becomes of the mail of a worker that is gone; put in front of sweep and free, behind common.
--
-- It goes back to the front of its lists. Who is to blame for the worker's end is one of three:
--   'entry': its pool knows under which entry it died. That one's deaths are counted.
--   'unknown': nobody knows, as when a whole machine is gone. Each first entry was interrupted. But if
--     the worker held nothing beside one entry that was a suspect, it died under that.
--   'nobody': the worker ended in order, and could not give its mail back.
-- A mailbox whose first entry has a death, or was interrupted twice, is a suspect, and so is one with the
-- entry that was just died under: what is first there is run alone.

-- Count what is known of a worker's end under these entries, and say whether the mailbox is a suspect. What
-- was handled before the culprit may not be settled: so that need not be the first.
local function blame(handler, in_hand, blamed, entry)
  for _, event_id in ipairs(in_hand) do
    local event = key('event:' .. event_id)
    if blamed == 'entry' and event_id .. ' ' .. handler == entry and redis.call('EXISTS', event) == 1 then
      redis.call('HINCRBY', event, 'deaths:' .. handler, 1)
      return true
    end
  end
  local first = key('event:' .. in_hand[1])
  if redis.call('EXISTS', first) == 0 then
    return false
  end
  if blamed == 'unknown' then
    redis.call('HINCRBY', first, 'interrupted:' .. handler, 1)
  end
  return is_suspect(first, handler)
end

-- Free what a worker held. `entry`: `event_id handler`, if one is blamed. Return whether it held anything.
local function free(worker, blamed, entry)
  local held = redis.call('HGETALL', key('held:' .. worker))
  if blamed == 'unknown' and is_alone(held) then
    local handler = split_handler_mailbox(held[1])
    blamed, entry = 'entry', redis.call('LINDEX', key('mail:' .. held[1]), 0) .. ' ' .. handler
  end
  for i = 1, #held, 2 do
    local handler, mailbox = split_handler_mailbox(held[i])
    local mail, entries = key('mail:' .. held[i]), number(held[i + 1])
    if handler and redis.call('EXISTS', mail) == 1 then
      local in_hand = entries > 0 and redis.call('LRANGE', mail, 0, entries - 1) or {}
      local list = #in_hand > 0 and blame(handler, in_hand, blamed, entry) and 'suspects:' or 'ready:'
      redis.call('LPUSH', key(list .. handler), mailbox)
    end
    if handler then
      redis.call('SREM', key('working:' .. handler), mailbox)
    end
  end
  redis.call('DEL', key('held:' .. worker), key('settled:' .. worker))
  redis.call('ZREM', key('leases'), worker)
  return #held > 0
end
