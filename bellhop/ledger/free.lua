-- free: free the mail of workers whose lease has ended, for a caller that waits for it and is no foreman.
--
-- 1. While a foreman is alive, that is its work: it knows which workers live.
-- 2. Without one nobody renews a lease, and one that comes back gives every worker a whole lease more. So
--    the caller waits as long for one before anything is freed. A lease that ends later than any can was
--    given before the clock was set back.
-- 3. It is not noted that a foreman was at work: none was.
--
-- ARGV: now, how long the caller has waited (ms)
-- Returns: {{set to enqueue a shift for, …}, {worker whose mail was freed, …}}

local now = clock(ARGV[1])
local waited = tonumber(ARGV[2])
local swept = number(redis.call('GET', key('swept')))

local freed = {}
if waited >= LEASE and math.abs(now - swept) > FOREMAN_GONE_AFTER then
  for _, ended in ipairs({{'-inf', now}, {'(' .. whole(now + LEASE), '+inf'}}) do
    for _, worker in ipairs(redis.call('ZRANGE', key('leases'), ended[1], ended[2], 'BYSCORE')) do
      if free(worker, 'unknown') then
        freed[#freed + 1] = worker
      end
    end
  end
end
return {sets_to_wake(now), freed}
