-- Marks a held request as sent, and renews its lease.
-- KEYS: root, open, request. ARGV[4..6]: id, lease (ms), and a ticket, by which the same question is
-- known when it is asked again because its answer was lost.
local refused = refusal()
if refused then
  return refused
end
local request = KEYS[3]
local found = redis.call('HMGET', request, 'state', 'ticket')
if found[1] == 'dispatched' and found[2] == ARGV[6] then
  return done()
elseif found[1] ~= 'reserved' then
  return {'state', found[1] or 'unknown'}
end
local lease = now + ARGV[5]
redis.call('HSET', request, 'state', 'dispatched', 'lease', text(lease), 'ticket', ARGV[6])
redis.call('ZADD', KEYS[2], lease, ARGV[4])
redis.call('PEXPIRE', KEYS[2], ROOT_KEPT)
return done()
