-- Hooks: handlers that are called about a dead letter, or about a body in quarantine; put in front of
-- accept, settle and repair.
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
