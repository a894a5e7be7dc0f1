-- Reads the time, the clock and buckets, and changes nothing.
-- KEYS: root, buckets. ARGV[4], ARGV[5]: the day (ms, the end excluded) that the buckets are of.
local refused = refusal()
if refused then
  return refused
elseif ARGV[4] and (now < tonumber(ARGV[4]) or now >= tonumber(ARGV[5])) then
  return {'day', text(now)}
end
local answer = {'done', head[2], head[3], text(now), text(clock)}
for i = 2, #KEYS do
  for _, amount in ipairs(redis.call('HMGET', KEYS[i], 't', 'r', 'c', 'rc', 'n')) do
    answer[#answer + 1] = amount or '0'
  end
end
return answer
