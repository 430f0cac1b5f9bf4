# Makes many sessions of one: copies the flow of a journal's only session, each copy with a thread and an OpenCode session
# of its own. Prints the ids of the OpenCode sessions, one per line; the first `live` of them are in the middle of a turn.
#
#   python3 bench/lib/grow.py JOURNAL SESSIONS LIVE
import json
import random
import sqlite3
import sys

path, n_sessions, n_live = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
db = sqlite3.connect(path)
flow_id, version, data, created_ms = db.execute(
    "SELECT id, version, data, created_ms FROM flow WHERE kind = 'session'").fetchone()
db.execute("DELETE FROM flow")
db.execute("DELETE FROM address")
original = json.loads(data)
generator = random.Random(1)
for i in range(n_sessions):
    session = json.loads(data)
    session["oc"]["session_id"] = f"ses_{i:012d}"
    session["channel"] = f"C{i % 1000:09d}"
    session["thread_ts"] = session["card"]["ts"] = f"{1700000000 + i}.000100"
    if i < n_live:
        session["state"] = "working"
        session["turn"] = {"n": 1, "no": 1, "user": "U0ANN", "ts": "1700000000.000200", "text": "go on", "asked": True,
                           "message_id": f"msg_{i:012d}", "started_ms": original["started_ms"]}
    id = generator.getrandbits(62)
    db.execute("INSERT INTO flow (id, kind, version, step, data, status, created_ms, updated_ms) VALUES (?, 'session', ?, ?, ?, 'active', ?, ?)",
               (id, version, "working" if i < n_live else "idle", json.dumps(session, separators=(",", ":")), created_ms + i, created_ms + i))
    db.execute("INSERT INTO address VALUES (?, ?)", (f"oc:{session['oc']['session_id']}", id))
    db.execute("INSERT INTO address VALUES (?, ?)", (f"thread:{session['channel']}:{session['thread_ts']}", id))
    print(session["oc"]["session_id"])
db.commit()
db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
