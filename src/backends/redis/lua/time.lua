-- The time of the node that keeps the bucket.
--
-- KEYS  1 terms
return redis.call('TIME')
