-- Charges a request that was sent. The truth is written whatever has become of the store: a row that
-- was lost is made again, and neither a lost epoch nor lost steps keep it from being charged.
-- KEYS: root, open, begun, days, request, index of its day, experience of its model, buckets.
-- ARGV[4..13]: id, '1' if all of it is charged since its use is unknown, tokens, pico-USD or '', usage,
-- energy, outcome, latency, how long the row is kept (ms), and counted:reported input or ''.
-- ARGV[14..18]: '1' if the caller has sent it, then time, row, names of the buckets and begin of the
-- day to make it again; the row is '' where the caller does not know it.
if head[1] and head[1] ~= '1' then
  return {'newer', head[1]}
end
local days, request, index, experience = KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local first = 8
local id, full, tokens, cost = ARGV[4], ARGV[5] == '1', ARGV[6], ARGV[7]
local kept, sent = ARGV[12], ARGV[14] == '1'

local found = redis.call('HMGET', request, 'state', 'tokens', 'cost', 'time', 'order')
local state, time, order = found[1], found[4], found[5]
if state == 'settled' or (full and state == 'charged_full') then
  return done()
elseif not state and not (sent and ARGV[16] ~= '') then
  return {'state', 'unknown'}
elseif state and state ~= 'dispatched' and state ~= 'charged_full' and not (sent and state ~= 'denied') then
  return {'state', state}
end

-- First of the steps, since it is allowed to a server without memory too, and lets the others follow.
close(KEYS[2], KEYS[3], id)
if not state then
  time, order = ARGV[15], string.format('%016d', tonumber(head[3] or 0) + 1)
  redis.call('HSET', request, 'time', time, 'order', order, 'row', ARGV[16], 'buckets', ARGV[17])
  list(days, index, ARGV[18], time, order .. ':' .. id, kept)
end
each_bucket(first, #KEYS, function(bucket)
  if state == 'reserved' or state == 'dispatched' then
    give_back(bucket, found[2], found[3])
  elseif state == 'charged_full' then
    uncharge(bucket, found[2], found[3])
  end
  charge(bucket, tokens, cost)
end)
redis.call('HSET', request, 'state', full and 'charged_full' or 'settled', 'tokens', tokens, 'cost', cost,
  'usage', ARGV[8], 'energy', ARGV[9], 'outcome', ARGV[10], 'latency', ARGV[11])
redis.call('PEXPIRE', request, kept)
if ARGV[13] ~= '' then
  redis.call('ZADD', experience, time, order .. ':' .. ARGV[13])
  redis.call('ZREMRANGEBYRANK', experience, 0, -1001)
  redis.call('PEXPIRE', experience, kept)
end
return done()
