-- What scripts read and write in several places; put in front of every script, behind calling.
--
-- Times are whole milliseconds of the server's clock, the only one that all machines share.

local HOUR = 3600 * 1000

-- Return a number that is stored, or 0.
local function number(stored)
  return tonumber(stored or 0) or 0
end

-- Return the table that is stored as JSON, or an empty one.
local function decoded(stored)
  local is_json, found = pcall(cjson.decode, stored or '')
  return is_json and type(found) == 'table' and found or {}
end

-- Tests say what time it is; everyone else passes ''.
local function clock(given)
  if given ~= '' then
    return tonumber(given)
  end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- An entry that was interrupted so often, and nobody knows by what, is run alone.
local INTERRUPTED_BEFORE_ALONE = 2

-- Lua hands over fewer than 8,000 values at a time. What fails in the middle of a script is not undone.
local AT_A_TIME = 1000

local function whole(number)
  return string.format('%d', number)
end

local function words(text)
  local found = {}
  for word in string.gmatch(text or '', '%S+') do
    found[#found + 1] = word
  end
  return found
end

local function split_handler_mailbox(handler_mailbox)
  return string.match(handler_mailbox, '^(%S+) (.*)$')
end

-- Say of each name whether there is such a key. Most often there is none of them, or all are there:
-- that is seen in one call.
local function which_exist(kind, names)
  local keys = {}
  for i, name in ipairs(names) do
    keys[i] = key(kind .. name)
  end
  local exist = {}
  for first = 1, #keys, AT_A_TIME do
    local last = math.min(first + AT_A_TIME - 1, #keys)
    local count = redis.call('EXISTS', unpack(keys, first, last))
    for i = first, last do
      exist[i] = count > last - first or (count > 0 and redis.call('EXISTS', keys[i]) == 1)
    end
  end
  return exist
end

-- Return the texts of a list that is stored, if it is one.
local function texts(stored)
  local found = {}
  for _, one in ipairs(type(stored) == 'table' and stored or {}) do
    if type(one) == 'string' then
      found[#found + 1] = one
    end
  end
  return found
end

-- What is known of an event is one field: `milliseconds-order JSON`, when it came, its place among all,
-- and [event_type, mailbox, svix-id, when it was sent (s), if that is known]. Return the order, the type
-- and the mailbox, or nothing if it cannot be read.
local function read_about(about)
  local order, named = string.match(about, '^%d+%-(%d+) (.*)$')
  local found = decoded(named)
  if type(found[1]) == 'string' and type(found[2]) == 'string' then
    return order, found[1], found[2]
  end
end
