-- Hooks: handlers that are called about a dead letter, or about a body in quarantine; put in front of
-- accept, settle, repair, subscribe and sweep.
--
-- Such a call is an event of its own, given to the hooks as events are to handlers: so it is claimed,
-- tried again and given up like any. Its id ends with a character that no id of Seam's can have, it is
-- of no type, in no log and in no index, and in the place of a body it has `call`, which says what it is
-- about, without secrets.

local function is_call(event_id)
  return string.sub(event_id, -1) == END_OF_CALL
end

local function call_id(at)
  return string.format('hook:%08d', at) .. END_OF_CALL
end

-- Call the hooks of a kind ('dead' or 'quarantined') of which a pattern fits `name`. `about` says what
-- they are called about, `at` when. Return the id of the call, if there are any.
local function call_hooks(kind, name, mailbox, about, at, retention)
  local hooks = match_all(kind, name)
  if #hooks == 0 then
    return nil
  end
  local id = call_id(redis.call('INCR', key('calls')))
  local event = key('event:' .. id)
  about.kind, about.at = kind, whole(at)
  redis.call('HSET', event, 'call', cjson.encode(about),
    'about', whole(at) .. '-0 ' .. cjson.encode({'', mailbox, ''}))
  give(event, id, mailbox, hooks, retention)
  return id
end

-- Call the hooks about a body that is in quarantine. Before anybody has subscribed it waits for that.
local function tell_of_quarantined(delivery, now, retention)
  if not has_subscribers() then
    redis.call('RPUSH', key('untold'), delivery)
    return
  end
  local about = {delivery_id = delivery}
  local call = call_hooks('quarantined', '', 'quarantine', about, now, retention)
  if call then
    redis.call('HSET', key('quarantined:' .. delivery), 'told', call)
  end
end

-- Call the hooks about bodies that came before anybody had subscribed, and are still in quarantine. Return
-- how many are left.
local function tell_of_waiting(most, now, retention)
  if redis.call('EXISTS', key('untold')) == 0 or not has_subscribers() then
    return 0
  end
  for _, delivery in ipairs(redis.call('LPOP', key('untold'), most) or {}) do
    if redis.call('EXISTS', key('quarantined:' .. delivery)) == 1 then
      tell_of_quarantined(delivery, now, retention)
    end
  end
  return redis.call('LLEN', key('untold'))
end
