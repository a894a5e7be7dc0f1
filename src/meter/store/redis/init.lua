-- Makes the store, where there is none or the caller accepts what was lost.
-- KEYS: root. ARGV[4]: random bits. ARGV[5]: '1' to begin a new epoch over what is there. ARGV[6]: a time
-- (ms) that the epoch must be later than.
if head[1] and head[1] ~= '1' then
  return {'newer', head[1]}
elseif head[2] and ARGV[5] ~= '1' then
  return {'exists', head[2], head[3]}
end
local epoch = string.format('%015.0f-', math.max(now, ARGV[6] + 1)) .. ARGV[4]
redis.call('HSET', root, 'version', '1', 'epoch', epoch)
local seq = redis.call('HINCRBY', root, 'seq', 1)
redis.call('PEXPIRE', root, ROOT_KEPT)
return {'done', epoch, text(seq)}
