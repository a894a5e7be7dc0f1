-- Gives back a request that was not sent. KEYS: root, open, request, buckets. ARGV[4]: id.
local request = KEYS[3]
local found = redis.call('HMGET', request, 'state', 'tokens', 'cost')
if found[1] == 'released' then
  return done()
elseif found[1] ~= 'reserved' then
  return {'state', found[1] or 'unknown'}
end
redis.call('ZREM', KEYS[2], ARGV[4])
each_bucket(4, #KEYS, function(bucket)
  give_back(bucket, found[2], found[3])
end)
redis.call('HSET', request, 'state', 'released', 'tokens', '0', 'cost', found[3] ~= '' and '0' or '',
  'outcome', 'released')
return done()
