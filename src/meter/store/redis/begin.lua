-- Begins every script.
-- KEYS[1]: the root, a hash of the version, the epoch, the number of steps taken and the clock.
-- ARGV[1], ARGV[2]: the epoch and the number of steps that the caller has seen; '' if none.
-- ARGV[3]: the time in ms, in tests; else '' for the server's own.
-- Amounts are decimal strings of up to 63 bits: Lua's numbers are exact to 53.

local root = KEYS[1]
local head = redis.call('HMGET', root, 'version', 'epoch', 'seq', 'clock')

-- The clock as it is, for leases: one that was a day ahead for a while must not keep them open for a day.
local clock
if ARGV[3] ~= '' then
  clock = tonumber(ARGV[3])
else
  local time = redis.call('TIME')
  clock = time[1] * 1000 + math.floor(time[2] / 1000)
end
-- Now. It never runs backwards, so that no window opens twice.
local now = math.max(clock, tonumber(head[4] or 0))

-- How far a clock may be set back, or those of two servers differ, without ending leases.
local AHEAD = 30000
local RUN_KEPT, DAY_KEPT, MONTH_KEPT, ROOT_KEPT = 172800000, 259200000, 3024000000, 34560000000

local function text(number)
  return string.format('%.0f', number)
end

-- Why nothing may be done here, if so.
local function refusal()
  if not head[2] then
    return {'missing'}
  elseif head[1] ~= '1' then
    return {'newer', head[1]}
  elseif ARGV[1] ~= '' and (head[2] ~= ARGV[1] or tonumber(head[3]) < tonumber(ARGV[2])) then
    return {'changed', head[2], head[3]}
  end
end

-- Counts the step, and answers with what the caller is to remember. What is written to a store that has
-- lost steps is not counted, or it would soon seem to have lost none.
local function done(...)
  if refusal() then
    return {'done', '', '0', ...}
  end
  local seq = redis.call('HINCRBY', root, 'seq', 1)
  redis.call('PEXPIRE', root, ROOT_KEPT)
  return {'done', head[2], text(seq), ...}
end

-- Requests that are open stand in two sorted sets: in `open` by the end of their lease, and in `begun` by
-- its begin.
local function lease(open, begun, request, id, duration)
  redis.call('ZADD', open, clock + duration, id)
  redis.call('ZADD', begun, clock, id)
  redis.call('PEXPIRE', open, ROOT_KEPT)
  redis.call('PEXPIRE', begun, ROOT_KEPT)
  redis.call('HSET', request, 'lease', text(clock + duration), 'begun', text(clock))
end

local function close(open, begun, id)
  redis.call('ZREM', open, id)
  redis.call('ZREM', begun, id)
end

-- Whether a lease is over: at its end, or where it begins in the future, since the clock was set back.
local function is_over(ends, begins)
  return tonumber(ends or 0) <= clock or tonumber(begins or 0) > clock + AHEAD
end

-- Some of the requests whose lease is over.
local function over(open, begun)
  local ids = redis.call('ZRANGEBYSCORE', open, '-inf', clock, 'LIMIT', 0, 64)
  if #ids == 0 then
    ids = redis.call('ZRANGEBYSCORE', begun, '(' .. text(clock + AHEAD), '+inf', 'LIMIT', 0, 64)
  end
  return ids
end

-- Puts a request of the day that begins at `start` where the ledger finds it.
local function list(days, index, start, time, member, kept)
  redis.call('ZADD', index, time, member)
  redis.call('PEXPIRE', index, kept + DAY_KEPT)
  redis.call('ZADD', days, start, start)
  redis.call('ZREMRANGEBYSCORE', days, '-inf', now - kept - DAY_KEPT)
  redis.call('PEXPIRE', days, kept + DAY_KEPT)
end

local function sum(a, b)
  if #a < 16 and #b < 16 then
    return text(a + b)
  end
  local digits, carry = '', 0
  while #a > 0 or #b > 0 or carry > 0 do
    local part = (tonumber(a:sub(-15)) or 0) + (tonumber(b:sub(-15)) or 0) + carry
    carry = part >= 1e15 and 1 or 0
    digits = string.format('%015.0f', part - carry * 1e15) .. digits
    a, b = a:sub(1, -16), b:sub(1, -16)
  end
  return (digits:gsub('^0+(%d)', '%1'))
end

local function exceeds(a, b)
  return #a > #b or (#a == #b and a > b)
end

-- Saturates, since a script that fails has done its first half.
local function add(key, field, amount)
  if amount ~= '' and amount ~= '0' then
    local result = redis.pcall('HINCRBY', key, field, amount)
    if type(result) == 'table' and result.err then
      if not result.err:find('overflow', 1, true) then
        return redis.call('HINCRBY', key, field, amount)
      end
      redis.call('HSET', key, field, '9223372036854775807')
    end
  end
end

-- From a counter that is there: what is gone has nothing to give back.
local function take(key, field, amount)
  if amount ~= '' and amount ~= '0' and redis.call('HEXISTS', key, field) == 1 then
    redis.call('HINCRBY', key, field, '-' .. amount)
  end
end

-- Buckets are KEYS[first] to KEYS[last]: the run, then day and month of each scope. In each, `t` and
-- `c` are the tokens and pico-USD used and held, `r` and `rc` the held part, and `n` the number of
-- finished requests whose price is unknown.
local function each_bucket(first, last, change)
  for i = first, last do
    change(KEYS[i])
    local kept = (i == first and RUN_KEPT) or ((i - first) % 2 == 1 and DAY_KEPT) or MONTH_KEPT
    redis.call('PEXPIRE', KEYS[i], kept)
  end
end

local function hold(bucket, tokens, cost)
  add(bucket, 't', tokens)
  add(bucket, 'r', tokens)
  add(bucket, 'c', cost)
  add(bucket, 'rc', cost)
end

local function give_back(bucket, tokens, cost)
  take(bucket, 't', tokens)
  take(bucket, 'r', tokens)
  take(bucket, 'c', cost)
  take(bucket, 'rc', cost)
end

local function charge(bucket, tokens, cost)
  add(bucket, 't', tokens)
  add(bucket, 'c', cost)
  if cost == '' and tokens ~= '0' then
    add(bucket, 'n', '1')
  end
end

local function uncharge(bucket, tokens, cost)
  take(bucket, 't', tokens)
  take(bucket, 'c', cost)
  if cost == '' and tokens ~= '0' then
    take(bucket, 'n', '1')
  end
end
