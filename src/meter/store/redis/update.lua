-- Reads a cell, or writes it if it still holds what the caller has read.
-- KEYS: root, index of the cells, cell, and a ticket, by which the same change is known when it is sent
-- again because its answer was lost. ARGV[4..6]: name, how long it is kept (ms), 'read' or 'write'.
-- ARGV[7..9]: '1' if there was a text, that text, and the new one.
local refused = refusal()
if refused then
  return refused
end
if redis.call('GET', KEYS[4]) then
  return done()
end
local found = redis.call('GET', KEYS[3])
if ARGV[6] == 'read' or (found and '1' or '0') ~= ARGV[7] or (found or '') ~= ARGV[8] then
  return {'found', text(now), found and '1' or '0', found or ''}
end
-- No shorter than the windows, whatever becomes of the rows.
redis.call('SET', KEYS[3], ARGV[9], 'PX', text(math.max(tonumber(ARGV[5]), MONTH_KEPT)))
-- Longer than anybody asks again.
redis.call('SET', KEYS[4], '', 'PX', 600000)
redis.call('ZADD', KEYS[2], 0, ARGV[4])
redis.call('PEXPIRE', KEYS[2], ROOT_KEPT)
return done()
