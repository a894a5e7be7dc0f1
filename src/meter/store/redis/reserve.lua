-- Holds a request in all buckets, or in none. What was denied, or is not made at all, is written too.
-- KEYS: root, open, begun, days, request, index of the day, buckets.
-- ARGV[4], ARGV[5]: the day (ms, the end excluded) that the keys are of.
-- ARGV[6]: '1' to resolve what is abandoned only where the request would be denied for it.
-- ARGV[7..14]: id, lease (ms), row, names of the buckets, tokens, pico-USD or '', how long the row is
-- kept (ms), and the outcome of a request that is not made, else ''.
-- ARGV[15..]: the limits by four: bucket (0: the request alone, -1: always crossed), field, most, code.
local refused = refusal()
if refused then
  return refused
elseif now < tonumber(ARGV[4]) or now >= tonumber(ARGV[5]) then
  return {'day', text(now)}
end
local open, begun, days, request, index = KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local first = 7
local id, duration, row, buckets = ARGV[7], ARGV[8], ARGV[9], ARGV[10]
local tokens, cost, kept, outcome = ARGV[11], ARGV[12], ARGV[13], ARGV[14]

local abandoned = {}
if outcome == '' then
  abandoned = over(open, begun)
  if #abandoned > 0 and ARGV[6] ~= '1' then
    return {'abandoned', unpack(abandoned)}
  end
end

-- Where the answer was lost on its way, the same question is asked again.
local earlier = redis.call('HMGET', request, 'state', 'time', 'crossed', 'used', 'held', 'lease', 'begun')
if earlier[1] == 'reserved' and not is_over(earlier[6], earlier[7]) then
  return done('granted', earlier[2])
elseif earlier[1] == 'denied' then
  return done('denied', earlier[3], earlier[4], earlier[5])
elseif earlier[1] then
  return {'state', earlier[1]}
end

local crossed, used, held
for i = 15, #ARGV, 4 do
  local bucket, field = tonumber(ARGV[i]), ARGV[i + 1]
  used, held = '0', '0'
  if bucket > 0 then
    local amounts = redis.call('HMGET', KEYS[first + bucket - 1], field, field == 't' and 'r' or 'rc', 'n')
    used, held = amounts[1] or '0', amounts[2] or '0'
    -- An unknown cost is not zero: the limit may be crossed already.
    if field == 'c' and cost ~= '0' and tonumber(amounts[3] or 0) > 0 then
      crossed, outcome, used, held = text((i - 15) / 4), 'unpriced', 'unpriced', amounts[3]
      break
    end
  end
  if bucket < 0 or exceeds(sum(used, field == 't' and tokens or cost), ARGV[i + 2]) then
    crossed = text((i - 15) / 4)
    outcome = ARGV[i + 3]
    break
  end
end
if crossed and #abandoned > 0 then
  return {'abandoned', unpack(abandoned)}
end

local state = outcome == '' and 'reserved' or 'denied'
local order = string.format('%016d', tonumber(head[3]) + 1)
if state == 'denied' then
  tokens, cost = '0', cost ~= '' and '0' or ''
end
if state == 'reserved' then
  each_bucket(first, #KEYS, function(bucket)
    hold(bucket, tokens, cost)
  end)
  lease(open, begun, request, id, duration)
end
list(days, index, ARGV[4], now, order .. ':' .. id, kept)
redis.call('HSET', root, 'clock', text(now))
crossed, used, held = crossed or '', used or '0', held or '0'
-- Last, since it says that all the rest was done.
redis.call('HSET', request, 'state', state, 'time', text(now), 'order', order, 'row', row,
  'buckets', buckets, 'tokens', tokens, 'cost', cost, 'outcome', outcome,
  'crossed', crossed, 'used', used, 'held', held)
-- Denials cost nothing, and a fleet at its limit writes many.
redis.call('PEXPIRE', request, state == 'denied' and math.min(kept, RUN_KEPT) or kept)
if state == 'denied' then
  return done('denied', crossed, used, held)
end
return done('granted', text(now))
