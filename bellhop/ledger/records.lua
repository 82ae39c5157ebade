-- What scripts read and change of handlers' records; put in front of every script, behind common.
--
-- A record is JSON as Python's `json.dumps` writes it, see `stored_record.py`: with a space behind
-- each colon, its state first. Scripts know only its state; the rest of it may be sealed.

-- States in which the handler has the event before it.
local OPEN = {[STATE.WAITING] = true, [STATE.RETRYING] = true, [STATE.REPLAYING] = true}

-- Return the state that a record tells, or nil if it cannot be read. An empty record is that of an event
-- that was given to the handler, which has not run yet.
local function state_of(record)
  return record == '' and STATE.WAITING or string.match(record, '"state": "(%l+)"')
end

-- Whether a handler is through with an event, which its record then does not count as open any more. Of a
-- record that cannot be read that is not known.
local function is_over(record)
  local state = state_of(record)
  return state and not OPEN[state]
end

-- Return a record with another state.
local function with_state(record, state)
  if record == '' then
    return '{"state": "' .. state .. '", "attempts": []}'
  end
  return (string.gsub(record, '"state": "%l+"', '"state": "' .. state .. '"', 1))
end
