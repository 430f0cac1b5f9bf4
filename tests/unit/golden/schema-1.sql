-- A journal of schema 1 with one row of each sort, as this schema writes them. Old journals must load for ever:
-- rows are only ever added here.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
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
CREATE TABLE address (address TEXT PRIMARY KEY, flow_id INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX address_by_flow ON address (flow_id);
CREATE TABLE inbox (id INTEGER PRIMARY KEY AUTOINCREMENT, flow_id INTEGER NOT NULL, event TEXT NOT NULL, data TEXT NOT NULL, at_ms INTEGER NOT NULL) STRICT;
CREATE INDEX inbox_by_flow ON inbox (flow_id);
CREATE TABLE seen (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, at_ms INTEGER NOT NULL) STRICT;
CREATE TABLE timer (flow_id INTEGER NOT NULL, name TEXT NOT NULL, due_ms INTEGER NOT NULL, PRIMARY KEY (flow_id, name)) STRICT, WITHOUT ROWID;
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
INSERT INTO meta (key, value) VALUES ('schema', '1');
INSERT INTO flow (id, kind, version, step, data, created_ms, updated_ms)
  VALUES (4660, 'session', 1, 'working', '{"title":"Ünïcode","n":1}', 1700000000000, 1700000000400);
INSERT INTO flow (id, kind, version, step, data, status, error, created_ms, updated_ms)
  VALUES (22136, 'session', 1, 'asking', '{}', 'quarantined', 'the step returned a fault', 1700000000000, 1700000000400);
INSERT INTO address (address, flow_id) VALUES ('slack:C1/1700000000.000100', 4660);
INSERT INTO inbox (id, flow_id, event, data, at_ms) VALUES (41, 4660, 'slack.message', '{"text":"hi"}', 1700000000400);
INSERT INTO inbox (id, flow_id, event, data, at_ms)
  VALUES (43, 4660, 'slack.post' || char(9) || 'card' || char(9) || '2', '{"error":"x"}', 1700000000450);
INSERT INTO inbox (id, flow_id, event, data, at_ms) VALUES (42, 22136, 'slack.message', '{}', 1700000000400);
INSERT INTO seen (key, at_ms) VALUES ('Ev0001', 1700000000400);
INSERT INTO timer (flow_id, name, due_ms) VALUES (4660, 'reminder', 1700000600000);
INSERT INTO ask (id, flow_id, verb, tag, lane, priority, coalesce_word, key, args, created_ms)
  VALUES (44, 4660, 'slack.post', 'card', 'slack:C1/1700000000.000100', 0, '', '0000000000001234/44',
          '{"channel":"C1"}', 1700000000500);
INSERT INTO ask (id, flow_id, verb, tag, lane, priority, coalesce_word, key, args, created_ms)
  VALUES (57, 4660, 'slack.update', '', 'slack:C1/1700000000.000100', 2, 'progress', '0000000000001234/57', '{}',
          1700000000900);
INSERT INTO ask (id, flow_id, verb, tag, lane, priority, coalesce_word, key, args, created_ms, status, error)
  VALUES (45, 4660, 'slack.post', '', '', 0, '', '0000000000001234/45', '{}', 1700000000600, 'dead', '{"error":"x"}');
