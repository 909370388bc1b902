-- The functions by which buckets are asked: none but these touch the tables.
--
-- Who writes holds the bucket's lock, together with others, and the name's, alone; who
-- changes what holds for all names holds the bucket's lock alone. These are advisory locks:
-- whoever comes first is served first, and who is refused has written nothing. A function
-- that takes a lock is VOLATILE, so each of its statements sees what was committed before
-- it got the lock; the STABLE ones see one state of the tables.

CREATE FUNCTION {schema}.clock() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
$$;

-- The instant of the n-th newest permit that counts, from 1. Null if it is forgotten, or there
-- are not so many.
CREATE FUNCTION {schema}.nth(a_name bigint, a_total bigint, a_leaked bigint, a_voided bigint, n bigint)
RETURNS bigint LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
    number bigint := a_total - n;
    counts bigint;
    skips  bigint;
BEGIN
    IF number < a_voided THEN
        SELECT g.skipped INTO skips FROM {schema}.gaps g
            WHERE g.name = a_name ORDER BY g.start DESC LIMIT 1;
        counts := number - coalesce(skips, 0);
        SELECT g.skipped INTO skips FROM {schema}.gaps g
            WHERE g.name = a_name AND g.live <= counts ORDER BY g.live DESC, g.start DESC LIMIT 1;
        number := counts + coalesce(skips, 0);
    END IF;
    IF number < a_leaked THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT g.at FROM {schema}.grants g
        WHERE g.name = a_name AND g.total > number ORDER BY g.total LIMIT 1);
END
$$;

-- When it would be the turn of a weight, and whether that is in time. A window lets it pass when
-- the permit has left that would be one too many: so one search decides each.
--
-- Verdicts: 0 yes, 1 too late, 2 the queue is full, 3 too heavy, 4 there is no such bucket.
CREATE FUNCTION {schema}.turn(
    a_bucket integer, a_key bytea, a_weight bigint, max_wait bigint,
    OUT verdict integer, OUT ready bigint, OUT waits bigint,
    OUT held_limit bigint, OUT held_interval bigint, OUT paused bigint,
    OUT terms bigint, OUT owner bigint, OUT newest bigint, OUT forgotten bigint,
    OUT now bigint, OUT widest bigint, OUT idle bigint
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    s     record;
    told  bigint;
    stamp bigint;
    last  bigint;
    held  integer := 1;
BEGIN
    SELECT b.limits, b.intervals, b.queue, b.is_keyed, b.version, b.latest,
           greatest(b.paused_until, n.paused_until) AS paused_until,
           n.id, n.voided, n.idle_after, g.total, g.at, g.decided, g.leaked
        INTO s
        FROM {schema}.buckets b
        LEFT JOIN {schema}.names n ON n.bucket = b.id AND n.key = a_key
        LEFT JOIN LATERAL (
            SELECT r.total, r.at, r.decided, r.leaked FROM {schema}.grants r
            WHERE r.name = n.id ORDER BY r.total DESC LIMIT 1
        ) g ON true
        WHERE b.id = a_bucket;
    IF NOT FOUND THEN
        verdict := 4;
        RETURN;
    END IF;
    -- Read after the lock was taken, and after the tables.
    told := {schema}.clock();
    now := greatest(told, s.latest, s.decided);
    terms := s.version;
    owner := s.id;
    newest := s.total;
    forgotten := s.leaked;
    widest := s.intervals[cardinality(s.intervals)];
    idle := CASE WHEN s.is_keyed THEN coalesce(s.idle_after, 0) END;
    paused := greatest(s.paused_until - told, 0);
    held_limit := s.limits[1];
    held_interval := s.intervals[1];
    IF a_weight > s.limits[1] THEN
        verdict := 3;
        RETURN;
    END IF;

    ready := greatest(now, s.paused_until);
    IF s.total IS NOT NULL THEN
        FOR i IN 1 .. cardinality(s.limits) LOOP
            stamp := {schema}.nth(s.id, s.total, s.leaked, s.voided, s.limits[i] - a_weight + 1);
            -- Those that allow more look further back.
            EXIT WHEN stamp IS NULL;
            IF stamp + s.intervals[i] > ready THEN
                ready := stamp + s.intervals[i];
                held_limit := s.limits[i];
                held_interval := s.intervals[i];
            END IF;
        END LOOP;
        -- Nobody is overtaken.
        last := CASE
            WHEN s.voided < s.total THEN s.at
            ELSE {schema}.nth(s.id, s.total, s.leaked, s.voided, 1)
        END;
        ready := greatest(ready, last);
    END IF;

    verdict := 0;
    IF ready = now THEN
        waits := 0;
        RETURN;
    END IF;
    -- A clock that was set back has to come so far first.
    waits := ready - told;
    IF waits > max_wait THEN
        verdict := 1;
    ELSIF a_weight > s.queue THEN
        verdict := 2;
    ELSIF s.total IS NOT NULL THEN
        stamp := {schema}.nth(s.id, s.total, s.leaked, s.voided, s.queue - a_weight + 1);
        IF stamp > now THEN
            verdict := 2;
            waits := stamp - told;
        END IF;
    END IF;
END
$$;

-- Forgets permits of a name that had left the widest window at an instant, those of the
-- oldest rows first, as far as `most` rows go. What was given back as a whole may go,
-- whatever its instant. The newest row stays, for what else it tells.
CREATE FUNCTION {schema}.prune(
    a_name bigint, a_leaked bigint, a_total bigint, left_at bigint, most integer,
    OUT leaked bigint, OUT permits bigint, OUT is_all boolean
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    gone integer;
BEGIN
    SELECT max(o.total), sum(o.weight - o.void), count(*) INTO leaked, permits, gone
        FROM (
            SELECT r.total, r.weight, r.void,
                   bool_and(r.at <= left_at OR r.void = r.weight) OVER (ORDER BY r.total) AS goes
            FROM (
                SELECT g.total, g.at, g.weight, g.void FROM {schema}.grants g
                WHERE g.name = a_name AND g.total > a_leaked AND g.total < a_total
                ORDER BY g.total LIMIT most
            ) r
        ) o
        WHERE o.goes;
    is_all := gone < most;
    IF gone = 0 THEN
        leaked := a_leaked;
        permits := 0;
        RETURN;
    END IF;
    DELETE FROM {schema}.grants g
        WHERE g.name = a_name AND g.total > a_leaked AND g.total <= prune.leaked;
    -- The last gap before tells how many were skipped up to here.
    DELETE FROM {schema}.gaps g
        WHERE g.name = a_name AND g.start < (
            SELECT e.start FROM {schema}.gaps e
            WHERE e.name = a_name AND e.start <= prune.leaked ORDER BY e.start DESC LIMIT 1
        );
END
$$;

-- Forgets what is old of a name, at a time that the bucket's row keeps, and the name if
-- it is idle. The name's lock is held.
CREATE FUNCTION {schema}.tidy(
    a_bucket integer, a_name bigint, a_latest bigint, a_widest bigint, most integer,
    OUT permits bigint, OUT is_all boolean
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    s record;
    p record;
BEGIN
    permits := 0;
    is_all := true;
    SELECT n.idle_after, g.* INTO s
        FROM {schema}.names n
        LEFT JOIN LATERAL (
            SELECT r.total, r.at, r.leaked, r.weight, r.void FROM {schema}.grants r
            WHERE r.name = n.id ORDER BY r.total DESC LIMIT 1
        ) g ON true
        WHERE n.bucket = a_bucket AND n.id = a_name;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF s.total IS NOT NULL THEN
        p := {schema}.prune(a_name, s.leaked, s.total, a_latest - a_widest, most);
        permits := p.permits;
        is_all := p.is_all;
        IF is_all AND s.at <= a_latest - a_widest THEN
            permits := permits + s.weight - s.void;
            p.leaked := s.total;
            s.void := s.weight;
        END IF;
        IF p.leaked > s.leaked THEN
            UPDATE {schema}.grants g SET leaked = p.leaked, void = s.void
                WHERE g.name = a_name AND g.total = s.total;
        END IF;
    END IF;
    IF is_all AND s.idle_after <= a_latest THEN
        DELETE FROM {schema}.grants g WHERE g.name = a_name;
        DELETE FROM {schema}.gaps g WHERE g.name = a_name;
        DELETE FROM {schema}.names n WHERE n.bucket = a_bucket AND n.id = a_name;
    END IF;
END
$$;

-- Forgets a little of two names that seem idle, as far as nobody asks for them.
CREATE FUNCTION {schema}.tidy_idle(a_bucket integer, a_now bigint, a_widest bigint)
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    kept bigint;
    n    record;
BEGIN
    SELECT b.latest INTO kept FROM {schema}.buckets b WHERE b.id = a_bucket;
    FOR n IN
        SELECT i.id, i.lock, i.idle_after FROM {schema}.names i
        WHERE i.bucket = a_bucket AND i.idle_after <= a_now ORDER BY i.idle_after LIMIT 2
    LOOP
        IF n.idle_after > kept THEN
            UPDATE {schema}.buckets b SET latest = greatest(b.latest, a_now)
                WHERE b.id = a_bucket RETURNING b.latest INTO kept;
        END IF;
        IF pg_try_advisory_xact_lock(n.lock) THEN
            PERFORM {schema}.tidy(a_bucket, n.id, kept, a_widest, 64);
        END IF;
    END LOOP;
END
$$;

-- Takes permits. Sees to it that old rows do not pile up: each 32 permits, as many as 64 rows.
CREATE FUNCTION {schema}.put(
    a_bucket integer, bucket_lock bigint, a_key bytea, key_lock bigint,
    a_weight bigint, max_wait bigint,
    OUT verdict integer, OUT ready bigint, OUT waits bigint,
    OUT held_limit bigint, OUT held_interval bigint, OUT paused bigint,
    OUT terms bigint, OUT owner bigint, OUT upto bigint
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    t record;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(bucket_lock), pg_advisory_xact_lock(key_lock);
    t := {schema}.turn(a_bucket, a_key, a_weight, max_wait);
    verdict := t.verdict;
    ready := t.ready;
    waits := t.waits;
    held_limit := t.held_limit;
    held_interval := t.held_interval;
    paused := t.paused;
    terms := t.terms;
    owner := t.owner;
    IF verdict <> 0 THEN
        RETURN;
    END IF;
    IF owner IS NULL THEN
        INSERT INTO {schema}.names AS n (bucket, key, lock, idle_after)
            VALUES (a_bucket, a_key, key_lock,
                    CASE WHEN t.idle IS NULL THEN 9223372036854775807 ELSE ready + 2 * t.widest END)
            RETURNING n.id INTO owner;
        IF t.idle IS NOT NULL THEN
            PERFORM {schema}.tidy_idle(a_bucket, t.now, t.widest);
        END IF;
    ELSIF t.idle < ready + t.widest THEN
        UPDATE {schema}.names n SET idle_after = ready + 2 * t.widest
            WHERE n.bucket = a_bucket AND n.key = a_key;
    END IF;
    t.newest := coalesce(t.newest, 0);
    t.forgotten := coalesce(t.forgotten, 0);
    upto := t.newest + a_weight;
    IF upto / 32 <> t.newest / 32 THEN
        SELECT p.leaked INTO t.forgotten
            FROM {schema}.prune(owner, t.forgotten, t.newest, t.now - t.widest, 64) p;
    END IF;
    INSERT INTO {schema}.grants (name, total, at, decided, leaked, weight)
        VALUES (owner, upto, ready, t.now, t.forgotten, a_weight);
END
$$;

-- Gives the newest permits of a grant back, of those that are left.
CREATE FUNCTION {schema}.give_back(
    a_bucket integer, bucket_lock bigint, a_key bytea, key_lock bigint,
    a_name bigint, a_total bigint, a_weight bigint
) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    given  bigint;
    begins bigint;
    before bigint;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(bucket_lock), pg_advisory_xact_lock(key_lock);
    SELECT least(a_weight, g.weight - g.void), g.total - g.void INTO given, begins
        FROM {schema}.names n JOIN {schema}.grants g ON g.name = n.id
        WHERE n.bucket = a_bucket AND n.key = a_key AND n.id = a_name AND g.total = a_total;
    IF NOT FOUND OR given <= 0 THEN
        RETURN;
    END IF;
    begins := begins - given;
    SELECT g.skipped INTO before FROM {schema}.gaps g
        WHERE g.name = a_name AND g.start < begins ORDER BY g.start DESC LIMIT 1;
    before := coalesce(before, 0);
    UPDATE {schema}.gaps g SET live = g.live - given, skipped = g.skipped + given
        WHERE g.name = a_name AND g.start > begins;
    INSERT INTO {schema}.gaps (name, start, live, skipped)
        VALUES (a_name, begins, begins - before, before + given);
    UPDATE {schema}.grants g SET void = g.void + given
        WHERE g.name = a_name AND g.total = a_total;
    UPDATE {schema}.names n SET voided = greatest(n.voided, begins + given)
        WHERE n.bucket = a_bucket AND n.key = a_key;
END
$$;

-- The instant of the n-th newest permit, from 1, if it counts in the widest window.
CREATE FUNCTION {schema}.peek(a_bucket integer, a_key bytea, n bigint)
RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    t     record;
    stamp bigint;
BEGIN
    t := {schema}.turn(a_bucket, a_key, 0, 0);
    stamp := {schema}.nth(t.owner, t.newest, t.forgotten,
        (SELECT i.voided FROM {schema}.names i WHERE i.bucket = a_bucket AND i.key = a_key), n);
    RETURN CASE WHEN stamp + t.widest > t.now THEN stamp END;
END
$$;

-- How much of each rate a name has used, and when the first of that leaves the window.
CREATE FUNCTION {schema}.usage(a_bucket integer, a_key bytea)
RETURNS TABLE (rate_limit bigint, rate_interval bigint, used bigint, resets bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    t      record;
    rates  record;
    gone   bigint;
    voided bigint;
    middle bigint;
    stamp  bigint;
    told   bigint := {schema}.clock();
BEGIN
    t := {schema}.turn(a_bucket, a_key, 0, 0);
    SELECT n.voided INTO voided FROM {schema}.names n WHERE n.bucket = a_bucket AND n.key = a_key;
    FOR rate_limit, rate_interval IN
        SELECT r.l, r.i FROM {schema}.buckets b, unnest(b.limits, b.intervals) AS r(l, i)
        WHERE b.id = a_bucket
    LOOP
        used := 0;
        resets := 0;
        gone := coalesce(t.newest - t.forgotten, 0) + 1;
        WHILE gone - used > 1 LOOP
            middle := (used + gone) / 2;
            stamp := {schema}.nth(t.owner, t.newest, t.forgotten, voided, middle);
            IF stamp + rate_interval > t.now THEN
                used := middle;
                resets := stamp + rate_interval - told;
            ELSE
                gone := middle;
            END IF;
        END LOOP;
        RETURN NEXT;
    END LOOP;
END
$$;

-- How many permits of all names have instants after that time; null for the widest window.
CREATE FUNCTION {schema}.tally(a_bucket integer, is_ahead boolean)
RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    since bigint;
BEGIN
    SELECT greatest({schema}.clock(), b.latest)
           - CASE WHEN is_ahead THEN 0 ELSE b.intervals[cardinality(b.intervals)] END
        INTO since FROM {schema}.buckets b WHERE b.id = a_bucket;
    RETURN (SELECT coalesce(sum(g.weight - g.void), 0)
        FROM {schema}.names n JOIN {schema}.grants g ON g.name = n.id
        WHERE n.bucket = a_bucket AND g.at > since);
END
$$;

-- Forgets all permits, and lets the time of a clock that was set back begin anew.
CREATE FUNCTION {schema}.flush(a_bucket integer, bucket_lock bigint)
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(bucket_lock);
    DELETE FROM {schema}.grants g USING {schema}.names n WHERE n.bucket = a_bucket AND g.name = n.id;
    DELETE FROM {schema}.gaps g USING {schema}.names n WHERE n.bucket = a_bucket AND g.name = n.id;
    DELETE FROM {schema}.names n WHERE n.bucket = a_bucket AND n.paused_until <= {schema}.clock();
    -- What was given before, and is given back after this, belongs to none of these.
    UPDATE {schema}.names n SET id = DEFAULT, voided = 0 WHERE n.bucket = a_bucket;
    UPDATE {schema}.buckets b SET latest = 0 WHERE b.id = a_bucket;
END
$$;

-- Forgets what is old of some names after one; of how many permits, and which name was the last.
CREATE FUNCTION {schema}.leak(
    a_bucket integer, bucket_lock bigint, a_after bigint, OUT permits bigint, OUT after bigint
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    kept   bigint;
    widest bigint;
    n      record;
    tidied record;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(bucket_lock);
    permits := 0;
    UPDATE {schema}.buckets b SET latest = greatest(b.latest, {schema}.clock())
        WHERE b.id = a_bucket
        RETURNING b.latest, b.intervals[cardinality(b.intervals)] INTO kept, widest;
    FOR n IN
        SELECT i.id, i.lock FROM {schema}.names i
        WHERE i.bucket = a_bucket AND i.id > a_after ORDER BY i.id LIMIT 16
    LOOP
        after := n.id;
        -- Somebody who asks for it sees to it, too.
        CONTINUE WHEN NOT pg_try_advisory_xact_lock(n.lock);
        tidied := {schema}.tidy(a_bucket, n.id, kept, widest, 1024);
        permits := permits + tidied.permits;
        IF NOT tidied.is_all THEN
            after := n.id - 1;
            RETURN;
        END IF;
    END LOOP;
END
$$;

-- Forgets a name; whether it was known.
CREATE FUNCTION {schema}.dispose(a_bucket integer, bucket_lock bigint, a_key bytea, key_lock bigint)
RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    gone bigint;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(bucket_lock), pg_advisory_xact_lock(key_lock);
    DELETE FROM {schema}.names n WHERE n.bucket = a_bucket AND n.key = a_key RETURNING n.id INTO gone;
    IF gone IS NULL THEN
        RETURN false;
    END IF;
    DELETE FROM {schema}.grants g WHERE g.name = gone;
    DELETE FROM {schema}.gaps g WHERE g.name = gone;
    RETURN true;
END
$$;

-- Pauses a name, or all; for how long, from now on, if that is longer than it may be.
CREATE FUNCTION {schema}.pause(
    a_bucket integer, bucket_lock bigint, a_key bytea, key_lock bigint, until bigint, longest bigint
) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    asked bigint := until - {schema}.clock();
BEGIN
    IF asked > longest THEN
        RETURN asked;
    END IF;
    IF a_key IS NULL THEN
        PERFORM pg_advisory_xact_lock(bucket_lock);
        UPDATE {schema}.buckets b SET paused_until = until
            WHERE b.id = a_bucket AND b.paused_until < until;
    ELSIF asked > 0 THEN
        PERFORM pg_advisory_xact_lock_shared(bucket_lock), pg_advisory_xact_lock(key_lock);
        INSERT INTO {schema}.names AS n (bucket, key, lock, paused_until, idle_after)
            SELECT b.id, a_key, key_lock, until,
                   CASE WHEN b.is_keyed THEN until ELSE 9223372036854775807 END
            FROM {schema}.buckets b WHERE b.id = a_bucket
            ON CONFLICT (bucket, key) DO UPDATE
            SET paused_until = greatest(n.paused_until, until),
                idle_after = greatest(n.idle_after, until);
    END IF;
    RETURN NULL;
END
$$;

-- Ends a pause; whether there was one.
CREATE FUNCTION {schema}.resume(a_bucket integer, bucket_lock bigint, a_key bytea, key_lock bigint)
RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    told bigint := {schema}.clock();
BEGIN
    IF a_key IS NULL THEN
        PERFORM pg_advisory_xact_lock(bucket_lock);
        UPDATE {schema}.buckets b SET paused_until = 0 WHERE b.id = a_bucket AND b.paused_until > told;
    ELSE
        PERFORM pg_advisory_xact_lock_shared(bucket_lock), pg_advisory_xact_lock(key_lock);
        UPDATE {schema}.names n SET paused_until = 0
            WHERE n.bucket = a_bucket AND n.key = a_key AND n.paused_until > told;
    END IF;
    RETURN FOUND;
END
$$;

-- Puts other rates in force; under which version.
CREATE FUNCTION {schema}.set_rates(
    a_bucket integer, bucket_lock bigint, a_limits bigint[], a_intervals bigint[]
) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    wider bigint;
    terms bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(bucket_lock);
    SELECT a_intervals[cardinality(a_intervals)] - b.intervals[cardinality(b.intervals)]
        INTO wider FROM {schema}.buckets b WHERE b.id = a_bucket;
    UPDATE {schema}.buckets b
        SET limits = a_limits, intervals = a_intervals, version = b.version + 1
        WHERE b.id = a_bucket RETURNING b.version INTO terms;
    UPDATE {schema}.names n SET idle_after = n.idle_after + wider
        WHERE n.bucket = a_bucket AND wider > 0 AND n.idle_after < 9223372036854775807;
    RETURN terms;
END
$$;

-- Forgets the bucket itself.
CREATE FUNCTION {schema}.remove(a_bucket integer, bucket_lock bigint)
RETURNS void LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM {schema}.flush(a_bucket, bucket_lock);
    DELETE FROM {schema}.names n WHERE n.bucket = a_bucket;
    DELETE FROM {schema}.buckets b WHERE b.id = a_bucket;
END
$$;

-- Made last: where it is, all is.
CREATE FUNCTION {schema}.layout() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT {layout}';
