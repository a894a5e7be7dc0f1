-- Gives back a request that was not sent. KEYS: root, open, begun, request, buckets. ARGV[4]: id.
local request = KEYS[4]
local found = redis.call('HMGET', request, 'state', 'tokens', 'cost')
if found[1] == 'released' then
  return done()
elseif found[1] ~= 'reserved' then
  return {'state', found[1] or 'unknown'}
end
close(KEYS[2], KEYS[3], ARGV[4])
each_bucket(5, #KEYS, function(bucket)
  give_back(bucket, found[2], found[3])
end)
redis.call('HSET', request, 'state', 'released', 'tokens', '0', 'cost', found[3] ~= '' and '0' or '',
  'outcome', 'released')
return done()
