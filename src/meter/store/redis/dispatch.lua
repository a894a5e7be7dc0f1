-- Marks a held request as sent, and renews its lease.
-- KEYS: root, open, begun, request. ARGV[4..6]: id, lease (ms), and a ticket, by which the same question is
-- known when it is asked again because its answer was lost.
local refused = refusal()
if refused then
  return refused
end
local request = KEYS[4]
local found = redis.call('HMGET', request, 'state', 'ticket')
if found[1] == 'dispatched' and found[2] == ARGV[6] then
  return done()
elseif found[1] ~= 'reserved' then
  return {'state', found[1] or 'unknown'}
end
redis.call('HSET', request, 'state', 'dispatched', 'ticket', ARGV[6])
lease(KEYS[2], KEYS[3], request, ARGV[4], ARGV[5])
return done()
