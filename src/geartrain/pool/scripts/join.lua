-- Join the pool, which is made if there is none.
--
-- KEYS  facts
-- ARGV  the form of the pool's data, number of shards, secret, for a new one
--
-- Answers the same of the pool that is there.

redis.call('HSETNX', KEYS[1], 'form', ARGV[1])
redis.call('HSETNX', KEYS[1], 'shards', ARGV[2])
redis.call('HSETNX', KEYS[1], 'secret', ARGV[3])
return redis.call('HMGET', KEYS[1], 'form', 'shards', 'secret')
