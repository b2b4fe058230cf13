-- The two tables of @gsd/session-manager with their indexes. A file made by the better-sqlite3
-- version has them already and keeps them as they are.

CREATE TABLE IF NOT EXISTS sessions (
  id TEXT PRIMARY KEY,
  slot INTEGER NOT NULL CHECK (slot IN (1, 2, 3)),
  status TEXT NOT NULL CHECK (status IN ('idle', 'running', 'waiting_checkpoint', 'completed', 'failed')),
  working_dir TEXT NOT NULL,
  current_command TEXT,
  started_at TEXT NOT NULL,
  ended_at TEXT,
  pid INTEGER,
  created_at TEXT DEFAULT (datetime('now')),
  updated_at TEXT DEFAULT (datetime('now'))
);

CREATE TABLE IF NOT EXISTS session_outputs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  session_id TEXT NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
  timestamp TEXT NOT NULL,
  type TEXT NOT NULL CHECK (type IN ('stdout', 'stderr')),
  data TEXT NOT NULL,
  created_at TEXT DEFAULT (datetime('now'))
);

CREATE INDEX IF NOT EXISTS idx_outputs_session_id ON session_outputs(session_id);
CREATE INDEX IF NOT EXISTS idx_outputs_timestamp ON session_outputs(session_id, timestamp);

-- `OF` names every column but updated_at, so that the trigger's own update does not fire it again,
-- whatever recursive_triggers says. A statement that sets updated_at itself is left alone.
CREATE TRIGGER IF NOT EXISTS sessions_updated_at
AFTER UPDATE OF id, slot, status, working_dir, current_command, started_at, ended_at, pid, created_at
ON sessions
WHEN NEW.updated_at IS OLD.updated_at
BEGIN
  UPDATE sessions SET updated_at = datetime('now') WHERE rowid = NEW.rowid;
END;
