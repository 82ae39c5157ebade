-- fetch: give a fetcher the next action attempt to ask Seam's API about.
--
-- 1. What events told of since the last call (`fetched_to`) is to be fetched as of now, unless that was
--    done or given up. A thousand at a time: it comes again.
-- 2. Of those that are due, the one that became so last is given to the caller: what happens now does
--    not wait behind what was missed for days. It is due again when the lease ends, unless somebody
--    says before what came of it; so a fetcher that dies loses none.
--
-- ARGV: now, lease (ms), retention (ms)
-- Returns: {action_attempt_id or '', how often it was given out, ms until the next one is due or ''}

local now = clock(ARGV[1])

local function is_settled(attempt)
  local body, given_up = unpack(redis.call('HMGET', key('attempt:' .. attempt), 'body', 'given_up'))
  return body or given_up
end

local since = string.match(redis.call('GET', key('fetched_to')) or '', '^%d+%-%d+$')
local told = redis.call('XRANGE', key('attempts'), since and '(' .. since or '-', '+', 'COUNT', 1000)
for _, entry in ipairs(told) do
  local attempt = entry[2][2]
  if not is_settled(attempt) then
    redis.call('ZADD', key('unfetched'), 'NX', now, attempt)
  end
end
if #told > 0 then
  redis.call('SET', key('fetched_to'), told[#told][1])
end

local attempt = redis.call('ZRANGE', key('unfetched'), now, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, 1)[1]
if not attempt then
  local next_due = redis.call('ZRANGE', key('unfetched'), 0, 0, 'WITHSCORES')[2]
  return {'', 0, next_due and string.format('%d', next_due - now) or ''}
end
redis.call('ZADD', key('unfetched'), now + tonumber(ARGV[2]), attempt)
local times = redis.call('HINCRBY', key('attempt:' .. attempt), 'times', 1)
redis.call('PEXPIRE', key('attempt:' .. attempt), tonumber(ARGV[3]))
return {attempt, times, ''}
