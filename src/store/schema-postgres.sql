-- Migration 1 of the journal in PostgreSQL. The tables of schema.sql, shared by several replicas; what is new is told here.
-- Columns are append-only; stored names (steps, events, verbs) too. Ids of inbox and ask come from the engine: milliseconds,
-- replica, counter; so they are unique and in the order of time without a sequence that everybody would have to ask.
CREATE TABLE flow (
  id bigint PRIMARY KEY,
  kind text NOT NULL,
  version bigint NOT NULL,
  step text NOT NULL,
  data text NOT NULL,
  status text NOT NULL DEFAULT 'active',
  error text,
  created_ms bigint NOT NULL,
  updated_ms bigint NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX flow_by_kind ON flow (kind, created_ms);

CREATE TABLE address (address text PRIMARY KEY, flow_id bigint NOT NULL);
CREATE INDEX address_by_flow ON address (flow_id);

-- `put_at` is the database's own clock: what arrived lately is looked for by it, whatever the clocks of replicas say.
CREATE TABLE inbox (
  id bigint PRIMARY KEY,
  flow_id bigint NOT NULL,
  event text NOT NULL,
  data text NOT NULL,
  at_ms bigint NOT NULL,
  put_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX inbox_by_flow ON inbox (flow_id);
CREATE INDEX inbox_by_shard ON inbox ((flow_id & 63), put_at);

CREATE TABLE seen (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, key text NOT NULL UNIQUE, at_ms bigint NOT NULL);

CREATE TABLE timer (flow_id bigint NOT NULL, name text NOT NULL, due_ms bigint NOT NULL, PRIMARY KEY (flow_id, name));
CREATE INDEX timer_by_shard ON timer ((flow_id & 63));

CREATE TABLE ask (
  id bigint PRIMARY KEY,
  flow_id bigint NOT NULL,
  verb text NOT NULL,
  tag text NOT NULL,
  lane text NOT NULL,
  priority bigint NOT NULL,
  coalesce_word text NOT NULL,
  key text NOT NULL,
  args text NOT NULL,
  created_ms bigint NOT NULL,
  status text NOT NULL DEFAULT 'pending',
  error text
);
CREATE INDEX ask_by_shard ON ask ((flow_id & 63)) WHERE status = 'pending';
CREATE INDEX ask_dead ON ask (created_ms) WHERE status = 'dead';

-- One row per open journal, with the number of its last transaction: after a connection that died in COMMIT it tells
-- whether that was committed.
CREATE TABLE writer (id bigint PRIMARY KEY, transaction_number bigint NOT NULL, at timestamptz NOT NULL DEFAULT now())
  WITH (fillfactor = 50);

-- A flow belongs to the shard of its id's lowest six bits, a shard to one replica at a time. Each change of hands is a new
-- epoch, so that (shard, epoch) names one ownership for ever. Whoever takes over updates the row; whoever writes for the
-- shard, or into the inbox of one of its flows, shares a lock on it: so the one comes after the other.
CREATE TABLE shard (id bigint PRIMARY KEY, owner bigint, epoch bigint NOT NULL DEFAULT 0) WITH (fillfactor = 50);
INSERT INTO shard (id) SELECT generate_series(0, 63);

-- Which replica is at work. The row is renewed by its owner; the clock is the database's.
CREATE TABLE lease (
  id bigint PRIMARY KEY,
  owner bigint,
  epoch bigint NOT NULL DEFAULT 0,
  expires_at timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 50);
INSERT INTO lease (id) VALUES (1);

-- Renews the lease that p_owner has in p_epoch, or (p_epoch 0) takes one that is free or has run out, and all shards with
-- it. The epoch; NULL = somebody else has it.
CREATE FUNCTION lease_beat(p_owner bigint, p_epoch bigint, p_ms bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  held bigint;
BEGIN
  UPDATE lease SET expires_at = clock_timestamp() + p_ms * interval '1 ms', owner = p_owner,
    epoch = CASE WHEN p_epoch = 0 THEN epoch + 1 ELSE epoch END
    WHERE CASE WHEN p_epoch = 0 THEN owner IS NULL OR expires_at < clock_timestamp() ELSE owner = p_owner AND epoch = p_epoch END
    RETURNING epoch INTO held;
  IF held IS NOT NULL AND p_epoch = 0 THEN
    UPDATE shard SET owner = p_owner, epoch = held; -- waits for transactions of the former owner
  END IF;
  RETURN held;
END $$;

-- Delivers an event to the flow at an address (JOURNAL_DELIVER in journal.h). `p_direct` is the flow's id when the address
-- is "flow:<id>". The result's owner is the replica that has the flow's shard, 0 = nobody.
--
-- Two deliveries may want to make the flow of one address at once: the second waits for the first, and finds its flow. A
-- flow that ends meanwhile is waited for too, and then is not there.
CREATE FUNCTION journal_deliver(p_address text, p_direct bigint, p_kind text, p_step text, p_version bigint, p_flow_id bigint,
  p_key text, p_id bigint, p_event text, p_data text, p_at_ms bigint,
  OUT outcome int, OUT created boolean, OUT flow_id bigint, OUT owner bigint) LANGUAGE plpgsql AS $$
DECLARE
  is_new boolean := p_key IS NULL;
BEGIN
  outcome := 0;
  created := false;
  owner := 0;
  LOOP
    flow_id := p_direct;
    IF flow_id IS NULL THEN
      SELECT a.flow_id INTO flow_id FROM address a WHERE a.address = p_address;
    END IF;
    PERFORM 1 FROM flow f WHERE f.id = flow_id FOR KEY SHARE;
    IF NOT FOUND AND flow_id IS NOT NULL AND p_direct IS NULL THEN
      -- It ended between the two looks, and its address with it.
      DELETE FROM address a WHERE a.address = p_address AND NOT EXISTS (SELECT 1 FROM flow f WHERE f.id = a.flow_id);
      CONTINUE;
    END IF;
    IF NOT FOUND AND p_kind IS NULL THEN
      outcome := 2;
      RETURN;
    END IF;
    created := NOT FOUND;
    IF NOT is_new THEN
      INSERT INTO seen (key, at_ms) VALUES (p_key, p_at_ms) ON CONFLICT DO NOTHING;
      IF NOT FOUND THEN
        outcome := 1;
        created := false;
        RETURN;
      END IF;
      is_new := true;
    END IF;
    EXIT WHEN NOT created;
    flow_id := p_flow_id;
    IF p_direct IS NULL THEN
      INSERT INTO address (address, flow_id) VALUES (p_address, p_flow_id) ON CONFLICT DO NOTHING;
      CONTINUE WHEN NOT FOUND; -- somebody else was faster, and has committed
    END IF;
    INSERT INTO flow (id, kind, version, step, data, created_ms, updated_ms)
      VALUES (p_flow_id, p_kind, p_version, p_step, '{}', p_at_ms, p_at_ms);
    EXIT;
  END LOOP;
  SELECT coalesce(s.owner, 0) INTO owner FROM shard s WHERE s.id = flow_id & 63 FOR SHARE;
  INSERT INTO inbox (id, flow_id, event, data, at_ms) VALUES (p_id, flow_id, p_event, p_data, p_at_ms);
END $$;

CREATE FUNCTION journal_flow_delete(p_flow_id bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM flow WHERE id = p_flow_id; -- first: who delivers to it at this moment has committed when this goes on
  DELETE FROM address WHERE flow_id = p_flow_id;
  DELETE FROM timer WHERE flow_id = p_flow_id;
  DELETE FROM inbox WHERE flow_id = p_flow_id;
END $$;

-- Changes a flow's status; the owner of its shard is the result, as above.
CREATE FUNCTION journal_flow_status(p_flow_id bigint, p_status text, p_error text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  result bigint;
BEGIN
  UPDATE flow SET status = p_status, error = p_error WHERE id = p_flow_id;
  SELECT coalesce(owner, 0) INTO result FROM shard WHERE id = p_flow_id & 63 FOR SHARE;
  RETURN result;
END $$;

-- Holds the shards for this transaction, or fails with OGF01 and all that have changed hands: "<shard>/<epoch> …".
CREATE FUNCTION journal_fence(p_shards bigint[], p_epochs bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  wanted record;
  found_epoch bigint;
  stale text := '';
BEGIN
  FOR wanted IN SELECT s, e FROM unnest(p_shards, p_epochs) AS u (s, e) ORDER BY s LOOP
    SELECT epoch INTO found_epoch FROM shard WHERE id = wanted.s FOR SHARE;
    IF found_epoch IS DISTINCT FROM wanted.e THEN
      stale := stale || wanted.s || '/' || wanted.e || ' ';
    END IF;
  END LOOP;
  IF stale <> '' THEN
    RAISE EXCEPTION USING ERRCODE = 'OGF01', MESSAGE = stale;
  END IF;
END $$;

-- Text that may be JSON, for lists.
CREATE FUNCTION journal_json(p_text text) RETURNS json LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  RETURN p_text::json;
EXCEPTION WHEN others THEN
  RETURN NULL;
END $$;
