-- Tries what the store asks of a server, and changes nothing: each write is one that cannot be done.
-- KEYS: one that is never made. Answers with the commands that the login may not run, or with the server's refusal
-- to write.
local key = KEYS[1]
local refusal, forbidden = nil, {}
for _, command in ipairs({
  {'HSET', key, 'a', 'b', 'c'}, {'HINCRBY', key, 'a', 'b'}, {'HGET', key, 'a'}, {'HMGET', key, 'a'},
  {'HGETALL', key}, {'HEXISTS', key, 'a'}, {'ZADD', key, 'a', 'b'}, {'ZREM', key, 'a'}, {'ZCARD', key},
  {'ZRANGEBYSCORE', key, 0, 0}, {'ZRANGEBYLEX', key, '-', '+'}, {'ZREVRANGE', key, 0, 0},
  {'ZREMRANGEBYSCORE', key, 0, 0}, {'ZREMRANGEBYRANK', key, 0, 0}, {'GET', key}, {'MGET', key},
  {'SET', key, 'a', 'PX', 0}, {'PEXPIRE', key, 1}, {'TIME'},
}) do
  local reply = redis.pcall(unpack(command))
  local said = type(reply) == 'table' and reply.err or ''
  if said:find('NOPERM', 1, true) or said:find("can't run this command", 1, true) then
    forbidden[#forbidden + 1] = command[1]
  end
  for _, code in ipairs({'READONLY', 'MISCONF', 'NOREPLICAS', 'OOM'}) do
    if said:find(code, 1, true) then
      refusal = refusal or reply
    end
  end
end
return #forbidden == 0 and refusal or forbidden
