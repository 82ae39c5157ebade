-- Which layout the ledger has; put in front of every script but those of `bellhop upgrade`.
--
-- Nobody writes into a ledger of another version than the program's: it would not be understood there.
-- One that holds nothing yet gets the program's. (The layout before there was a version is 1: it has
-- events, but none of what says who is subscribed, or that nobody is yet.)
-- The error begins with WRONGVERSION, and names the version that was found.

local version = tonumber(redis.call('GET', key('version')))
if not version then
  version = VERSION
  if redis.call('EXISTS', key('order')) == 1
    and redis.call('EXISTS', key('subscriptions'), key('sets'), key('unrouted')) == 0 then
    version = 1
  else
    redis.call('SET', key('version'), VERSION)
  end
end
if version ~= VERSION then
  return server.error_reply('WRONGVERSION ' .. whole(version))
end
