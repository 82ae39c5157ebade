-- Who is to claim mail that is ready; put in front of every script, behind mailboxes.

-- Whether a worker that holds nothing could claim anything. `handlers`: those of its set.
local function has_mail(set, handlers)
  local names = claimable(handlers, set, '')
  return any_listed({'ready:'}, names) or (any_listed({'suspects:'}, names) and may_take_suspect(set, ''))
end

-- Wake the most recently idle worker that has this set of handlers. Return whether there was one. It
-- may have died: the foreman sees that mail stays.
local function wake(set, now)
  local worker, until_then = unpack(redis.call('ZPOPMAX', key('idle:' .. set)))
  if not worker or tonumber(until_then) <= now then
    return false
  end
  redis.call('LPUSH', key('wake:' .. worker), now)
  redis.call('PEXPIRE', key('wake:' .. worker), 60000)
  return true
end

-- Return the sets of handlers for which the caller is to put a shift into RQ's queue: there is mail for
-- one of them, no idle worker could be woken, and no shift waits in the queue.
-- `waiting:<set>` says since when one is on its way there. Only a shift that comes from the queue takes
-- the note away (see claim), so that no more than a few are ever in it. The note expires, in case the
-- caller dies before it does what it is told; the foreman, who can see the queue, notices much sooner.
local function sets_to_wake(now)
  local wanted = {}
  local sets = redis.call('HGETALL', key('sets'))
  for i = 1, #sets, 2 do
    if has_mail(sets[i], words(sets[i + 1])) and not wake(sets[i], now)
      and redis.call('SET', key('waiting:' .. sets[i]), now, 'NX', 'PX', 60000) then
      wanted[#wanted + 1] = sets[i]
    end
  end
  return wanted
end
