-- What a program that knows only the tables of the plan may ignore: it reads and writes the file as before, also by an
-- INSERT of ten values in the order of the columns. So all of this stands beside the table `sessions`, and nothing here
-- raises `user_version`. Triggers keep it true, whoever writes.

-- What a session has beyond the plan. Most sessions have no row here.
CREATE TABLE IF NOT EXISTS gsd_session_details (
  session_id TEXT PRIMARY KEY NOT NULL,
  title TEXT,
  exit_code INTEGER,
  signal TEXT,
  error TEXT,
  terminal INTEGER,
  columns INTEGER,
  rows INTEGER
);

-- The sizes that the terminal of a session has had, where it was resized: each from behind a chunk on, the first from
-- the start, behind chunk 0.
CREATE TABLE IF NOT EXISTS gsd_session_sizes (
  session_id TEXT NOT NULL,
  output_id INTEGER NOT NULL,
  columns INTEGER NOT NULL,
  rows INTEGER NOT NULL,
  PRIMARY KEY (session_id, output_id)
) WITHOUT ROWID;

-- The process that answers for a session, and the process that the session runs in. A pid alone names no process, since
-- the system gives it to others later: `host` is the boot of the system and the namespace of the pids, and a start
-- time is in the system's own unit since that boot.
CREATE TABLE IF NOT EXISTS gsd_session_owners (
  session_id TEXT PRIMARY KEY NOT NULL,
  host TEXT,
  owner_pid INTEGER,
  owner_start INTEGER,
  child_pid INTEGER,
  child_start INTEGER
) WITHOUT ROWID;

-- How many secrets were replaced in what a session printed, in its title, command and folder, by the rule that found them.
CREATE TABLE IF NOT EXISTS gsd_session_redactions (
  session_id TEXT NOT NULL,
  rule TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (session_id, rule)
) WITHOUT ROWID;

-- A row for every change of a session, in their order. Only the last one of a session counts.
CREATE TABLE IF NOT EXISTS gsd_session_changes (
  sequence INTEGER PRIMARY KEY,
  session_id TEXT
);

INSERT INTO gsd_session_changes (session_id)
SELECT id FROM sessions WHERE NOT EXISTS (SELECT 1 FROM gsd_session_changes);

-- OR REPLACE removes a row without firing a trigger: the new one does not get what belonged to the old one.
CREATE TRIGGER IF NOT EXISTS gsd_session_created
AFTER INSERT ON sessions
BEGIN
  DELETE FROM gsd_session_details WHERE session_id = NEW.id;
  DELETE FROM gsd_session_sizes WHERE session_id = NEW.id;
  DELETE FROM gsd_session_owners WHERE session_id = NEW.id;
  INSERT INTO gsd_session_changes (session_id) VALUES (NEW.id);
END;

CREATE TRIGGER IF NOT EXISTS gsd_session_changed
AFTER UPDATE OF id, slot, status, working_dir, current_command, started_at, ended_at, pid ON sessions
BEGIN
  INSERT INTO gsd_session_changes (session_id) VALUES (NEW.id);
END;

CREATE TRIGGER IF NOT EXISTS gsd_session_renamed
AFTER UPDATE OF id ON sessions
WHEN NEW.id IS NOT OLD.id
BEGIN
  INSERT INTO gsd_session_changes (session_id) VALUES (OLD.id);
  UPDATE OR REPLACE gsd_session_details SET session_id = NEW.id WHERE session_id = OLD.id;
  UPDATE OR REPLACE gsd_session_sizes SET session_id = NEW.id WHERE session_id = OLD.id;
  UPDATE OR REPLACE gsd_session_owners SET session_id = NEW.id WHERE session_id = OLD.id;
  UPDATE OR REPLACE gsd_session_redactions SET session_id = NEW.id WHERE session_id = OLD.id;
  UPDATE OR REPLACE session_pins SET session_id = NEW.id WHERE session_id = OLD.id;
END;

CREATE TRIGGER IF NOT EXISTS gsd_session_removed
AFTER DELETE ON sessions
BEGIN
  DELETE FROM gsd_session_details WHERE session_id = OLD.id;
  DELETE FROM gsd_session_sizes WHERE session_id = OLD.id;
  DELETE FROM gsd_session_owners WHERE session_id = OLD.id;
  DELETE FROM gsd_session_redactions WHERE session_id = OLD.id;
  INSERT INTO gsd_session_changes (session_id) VALUES (OLD.id);
END;

CREATE TRIGGER IF NOT EXISTS gsd_session_detailed
AFTER INSERT ON gsd_session_details
BEGIN
  INSERT INTO gsd_session_changes (session_id) VALUES (NEW.session_id);
END;

CREATE TRIGGER IF NOT EXISTS gsd_session_details_changed
AFTER UPDATE ON gsd_session_details
BEGIN
  INSERT INTO gsd_session_changes (session_id) VALUES (NEW.session_id);
END;
