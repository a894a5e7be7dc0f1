-- Keeps reviews, and forgets the oldest where there are too many of one definition or in all.
--
-- KEYS[1]  sorted set of the names of all definitions, by the time of their last review
-- KEYS[2…] a hash for each definition
-- ARGV[1]  milliseconds after which a definition without a new review is forgotten
-- ARGV[2]  the most reviews of one definition
-- ARGV[3]  the most definitions
-- ARGV[4…] for each hash how many reviews, then field and value of each
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local keep, reviews, definitions = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local at = 4
for i = 2, #KEYS do
    local count = tonumber(ARGV[at])
    for j = at + 1, at + 2 * count, 2 do
        redis.call('HSET', KEYS[i], ARGV[j], string.format('%.0f:', now) .. ARGV[j + 1])
    end
    at = at + 1 + 2 * count
    local surplus = redis.call('HLEN', KEYS[i]) - reviews
    if surplus > 0 then
        local all, aged = redis.call('HGETALL', KEYS[i]), {}
        for j = 1, #all, 2 do
            aged[#aged + 1] = { tonumber(all[j + 1]:match('^(%d+):')) or 0, all[j] }
        end
        table.sort(aged, function(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]) end)
        for j = 1, surplus do redis.call('HDEL', KEYS[i], aged[j][2]) end
    end
    redis.call('PEXPIRE', KEYS[i], keep)
    redis.call('ZADD', KEYS[1], now, KEYS[i])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - keep)
-- A bounded number at a time: the next writer goes on.
local surplus = math.min(redis.call('ZCARD', KEYS[1]) - definitions, 1000)
if surplus > 0 then
    for _, key in ipairs(redis.call('ZRANGE', KEYS[1], 0, surplus - 1)) do
        -- Whoever may write here may plant a name that is not a definition's: a budget's, say.
        if key:sub(1, #KEYS[1] + 1) == KEYS[1] .. ':' then redis.call('UNLINK', key) end
        redis.call('ZREM', KEYS[1], key)
    end
end
redis.call('PEXPIRE', KEYS[1], keep)
return redis.status_reply('OK')
