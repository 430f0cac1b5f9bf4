-- Migration 2: several gateways at work together, each with a share of the shards.

DROP FUNCTION lease_beat(bigint, bigint, bigint);
DROP TABLE lease;

-- The gateways that are alive, by the database's clock. `number` (0 to 63) is part of the ids that one gives; `url` is where
-- the others reach it; `n_bridges` and `n_sockets` are its connections to plugins and to Slack; one that is `leaving` takes no shards, and keeps what it has until it has given it up.
CREATE TABLE replica (
  id bigint PRIMARY KEY,
  number bigint NOT NULL UNIQUE,
  url text NOT NULL,
  n_bridges bigint NOT NULL,
  n_sockets bigint NOT NULL,
  leaving boolean NOT NULL,
  expires_at timestamptz NOT NULL
) WITH (fillfactor = 50);
CREATE SEQUENCE replica_number MINVALUE 0 MAXVALUE 63 CYCLE;

-- An ask that its replica has given up together with its shard, without ever having started it: whoever takes the shard need
-- not look for its effect.
ALTER TABLE ask ADD fresh boolean NOT NULL DEFAULT false;
CREATE INDEX ask_fresh ON ask ((flow_id & 63)) WHERE fresh;

-- Registers or renews; the replica's number. One whose row is gone owns nothing any more, whatever `shard` still says of it:
-- somebody may be taking it at this moment.
CREATE FUNCTION replica_beat(p_id bigint, p_ms bigint, p_url text, p_n_bridges bigint, p_n_sockets bigint,
  p_leaving boolean) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  result bigint;
BEGIN
  UPDATE replica SET expires_at = clock_timestamp() + p_ms * interval '1 ms', url = p_url, n_bridges = p_n_bridges,
    n_sockets = p_n_sockets, leaving = p_leaving WHERE id = p_id RETURNING number INTO result;
  IF FOUND THEN
    RETURN result;
  END IF;
  DELETE FROM replica WHERE expires_at < clock_timestamp() - p_ms * interval '1 ms';
  UPDATE shard SET owner = NULL WHERE owner = p_id;
  FOR i IN 1..64 LOOP
    INSERT INTO replica (id, number, url, n_bridges, n_sockets, leaving, expires_at)
      VALUES (p_id, nextval('replica_number'), p_url, p_n_bridges, p_n_sockets, p_leaving,
        clock_timestamp() + p_ms * interval '1 ms')
      ON CONFLICT DO NOTHING RETURNING number INTO result;
    EXIT WHEN FOUND;
  END LOOP;
  RETURN result;
END $$;

-- Takes those of the shards that nobody owns who is alive. Rows of the dead are locked first: one that is not dead after all
-- renews after this, and then sees what it has lost.
CREATE FUNCTION replica_take(p_id bigint, p_shards bigint[]) RETURNS SETOF shard LANGUAGE plpgsql AS $$
BEGIN
  PERFORM 1 FROM replica r WHERE r.expires_at < clock_timestamp() ORDER BY r.id FOR UPDATE;
  RETURN QUERY UPDATE shard s SET owner = p_id, epoch = s.epoch + 1 -- waits for transactions of the former owner
    WHERE s.id = ANY (p_shards) AND s.owner IS DISTINCT FROM p_id
      AND NOT EXISTS (SELECT 1 FROM replica r WHERE r.id = s.owner AND r.expires_at > clock_timestamp())
      AND EXISTS (SELECT 1 FROM replica r WHERE r.id = p_id AND r.expires_at > clock_timestamp())
    RETURNING s.*;
END $$;

-- As in migration 1, without a lock on the shard: a delivery need not wait for who takes it over. The owner that it names may
-- be the former one by then; the new one looks into the inbox for what it has not been told of.
CREATE OR REPLACE FUNCTION journal_deliver(p_address text, p_direct bigint, p_kind text, p_step text, p_version bigint, p_flow_id bigint,
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
  SELECT coalesce(s.owner, 0) INTO owner FROM shard s WHERE s.id = flow_id & 63;
  INSERT INTO inbox (id, flow_id, event, data, at_ms) VALUES (p_id, flow_id, p_event, p_data, p_at_ms);
END $$;

CREATE OR REPLACE FUNCTION journal_flow_status(p_flow_id bigint, p_status text, p_error text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  result bigint;
BEGIN
  UPDATE flow SET status = p_status, error = p_error WHERE id = p_flow_id;
  SELECT coalesce(owner, 0) INTO result FROM shard WHERE id = p_flow_id & 63;
  RETURN result;
END $$;
