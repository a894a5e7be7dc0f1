-- Resolves requests that nobody finished in time: those that were not sent are given back, the others
-- are charged in full, since they may be billed.
-- KEYS: root, open, begun, then each request and its buckets. ARGV[4..]: by two, id and number of buckets.
local refused = refusal()
if refused then
  return refused
end
local count, at = 0, 4
for i = 4, #ARGV, 2 do
  local id, request, first, last = ARGV[i], KEYS[at], at + 1, at + ARGV[i + 1]
  local found = redis.call('HMGET', request, 'state', 'tokens', 'cost', 'lease', 'begun')
  local state, tokens, cost = found[1], found[2], found[3]
  if state ~= 'reserved' and state ~= 'dispatched' then
    close(KEYS[2], KEYS[3], id)
  elseif is_over(found[4], found[5]) then
    close(KEYS[2], KEYS[3], id)
    each_bucket(first, last, function(bucket)
      give_back(bucket, tokens, cost)
      if state == 'dispatched' then
        charge(bucket, tokens, cost)
      end
    end)
    if state == 'dispatched' then
      redis.call('HSET', request, 'state', 'charged_full', 'outcome', 'abandoned')
    else
      redis.call('HSET', request, 'state', 'released', 'tokens', '0', 'cost', cost ~= '' and '0' or '',
        'outcome', 'abandoned')
    end
    count = count + 1
  end
  at = last + 1
end
return done(text(count))
