-- Sessions that pruning leaves alone. A table of its own, so that the two of @gsd/session-manager stay as
-- they are.

CREATE TABLE IF NOT EXISTS session_pins (
  session_id TEXT PRIMARY KEY,
  created_at TEXT DEFAULT (datetime('now'))
);

-- A session is deleted by its store, by pruning, and by SQL of anybody's. A later one may have its id.
CREATE TRIGGER IF NOT EXISTS session_pins_end
AFTER DELETE ON sessions
BEGIN
  DELETE FROM session_pins WHERE session_id = OLD.id;
END;
