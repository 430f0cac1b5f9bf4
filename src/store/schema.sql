-- Schema 1 of the journal. Columns are append-only; stored names (steps, events, verbs) too.
-- The ids of inbox and ask come from one counter of the engine; AUTOINCREMENT remembers how far it got when their rows
-- are gone. An ask's key derives from its id, and must not come again after a restart.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- One row per flow. `data` is the flow's own object, in the version its kind had when it was written.
CREATE TABLE flow (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  version INTEGER NOT NULL,
  step TEXT NOT NULL,
  data TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT 'active',
  error TEXT,
  created_ms INTEGER NOT NULL,
  updated_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX flow_by_kind ON flow (kind, created_ms);

-- Names by which a flow is reached besides its id.
CREATE TABLE address (address TEXT PRIMARY KEY, flow_id INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX address_by_flow ON address (flow_id);

-- Events accepted and not yet consumed.
CREATE TABLE inbox (id INTEGER PRIMARY KEY AUTOINCREMENT, flow_id INTEGER NOT NULL, event TEXT NOT NULL, data TEXT NOT NULL, at_ms INTEGER NOT NULL) STRICT;
CREATE INDEX inbox_by_flow ON inbox (flow_id);

-- Unique keys of everything ever accepted, in order of arrival.
CREATE TABLE seen (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, at_ms INTEGER NOT NULL) STRICT;

CREATE TABLE timer (flow_id INTEGER NOT NULL, name TEXT NOT NULL, due_ms INTEGER NOT NULL, PRIMARY KEY (flow_id, name)) STRICT, WITHOUT ROWID;

-- Commands to the outside world: pending until their result is consumed, dead when nobody could use the failure.
CREATE TABLE ask (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  flow_id INTEGER NOT NULL,
  verb TEXT NOT NULL,
  tag TEXT NOT NULL,
  lane TEXT NOT NULL,
  priority INTEGER NOT NULL,
  coalesce_word TEXT NOT NULL,
  key TEXT NOT NULL,
  args TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  status TEXT NOT NULL DEFAULT 'pending',
  error TEXT
) STRICT;
CREATE INDEX ask_dead ON ask (status) WHERE status = 'dead';
