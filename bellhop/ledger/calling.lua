-- Calls of Redis; put in front of every script.
--
-- KEYS[1] is the prefix of every key, with its hash tag: all keys live in one slot of a cluster.
--
-- What somebody else wrote under one of our names, or a fault left there, must not make a script fail
-- for ever: that would keep everybody's mail. So a key of another type is put aside, as `broken:<name>`
-- for two weeks, and is then as if it had never been; and a number that is none counts as missing. The
-- foreman tells of each (see repair), and rebuilds what was in it as far as records tell.

local prefix = KEYS[1]

local function key(name)
  return prefix .. name
end

local server = redis
local KEPT_ASIDE = 14 * 24 * 3600 * 1000
local MOST_NOTED = 100

local function failed(answer)
  return type(answer) == 'table' and answer.err
end

local function rename_foreign(name)
  local aside = key('broken:' .. string.sub(name, #prefix + 1))
  -- A user of Redis that may not rename may delete. What is in there is not ours anyway.
  if failed(server.pcall('RENAME', name, aside)) then
    server.call('DEL', name)
  else
    server.call('PEXPIRE', aside, KEPT_ASIDE)
  end
end

local redis = {}

-- Count a repair, and have the foreman tell of it: what was repaired, and where.
local function note(what, where)
  redis.call('HINCRBY', key('repaired'), what, 1)
  redis.call('RPUSH', key('repairs'), what .. ' ' .. where)
  redis.call('LTRIM', key('repairs'), -MOST_NOTED, -1)
end

local function call_again(problem, command, ...)
  local name, field = ...
  if string.find(problem, 'WRONGTYPE', 1, true) then
    rename_foreign(name)
    note('type', string.sub(name, #prefix + 1))
  elseif string.find(problem, 'not an integer', 1, true) then
    if command == 'HINCRBY' then
      server.call('HDEL', name, field)
    else
      rename_foreign(name)
    end
    note('number', string.sub(name, #prefix + 1))
  end
  return server.call(command, ...) -- what was not mended fails again, and says why
end

-- Every call of the scripts is one of this function.
function redis.call(command, ...)
  local answer = server.pcall(command, ...)
  if type(answer) == 'table' and answer.err then
    return call_again(answer.err, command, ...)
  end
  return answer
end
