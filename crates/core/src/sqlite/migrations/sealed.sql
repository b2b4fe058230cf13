-- Output in blocks. A file has this from its first sealed session on, and until none is sealed any more. Versions that do
-- not know it would take the output for lost, so it raises `user_version`.

-- Which output of a session stands in blocks: all up to the chunk `through`. No row of `session_outputs` up to there counts
-- then, and no block behind it. `work` is 0 where there are none, and 1 where something may be left that does not count. A
-- higher number is that of somebody who is sealing the session, or bringing it back, and nothing has changed since then.
CREATE TABLE IF NOT EXISTS gsd_session_seals (
  session_id TEXT PRIMARY KEY NOT NULL REFERENCES sessions(id) ON DELETE CASCADE,
  through INTEGER,
  work INTEGER NOT NULL
) WITHOUT ROWID;

-- The blocks, with the first and the last of their chunks, how many they are, the bytes of their texts, and their earliest
-- and latest moments.
CREATE TABLE IF NOT EXISTS gsd_session_blocks (
  id INTEGER PRIMARY KEY,
  session_id TEXT NOT NULL REFERENCES gsd_session_seals(session_id) ON DELETE CASCADE,
  last INTEGER NOT NULL,
  outputs INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  earliest TEXT NOT NULL,
  latest TEXT NOT NULL,
  block BLOB NOT NULL
);

CREATE INDEX IF NOT EXISTS gsd_session_blocks_by_session ON gsd_session_blocks (session_id);
CREATE INDEX IF NOT EXISTS gsd_session_blocks_by_earliest ON gsd_session_blocks (session_id, earliest, latest);
CREATE INDEX IF NOT EXISTS gsd_session_blocks_by_latest ON gsd_session_blocks (session_id, latest);
CREATE INDEX IF NOT EXISTS gsd_session_blocks_by_last ON gsd_session_blocks (last);

-- What a search knows, without reading them, of the lines that end in some blocks of a session: from the block `id` up to the
-- block `last`. Blocks without a row here may have anything. `lines` counts the lines that end before them. With a `state`, that
-- of the terminal before them, reading can begin there.
CREATE TABLE IF NOT EXISTS gsd_session_filters (
  id INTEGER PRIMARY KEY,
  last INTEGER NOT NULL,
  lines INTEGER NOT NULL,
  filter BLOB NOT NULL,
  state BLOB
);

CREATE TRIGGER IF NOT EXISTS gsd_session_block_removed
AFTER DELETE ON gsd_session_blocks
BEGIN
  DELETE FROM gsd_session_filters WHERE id = OLD.id;
END;

-- In a terminal of another size other lines are seen.
CREATE TRIGGER IF NOT EXISTS gsd_session_resized_to
AFTER INSERT ON gsd_session_sizes
BEGIN
  DELETE FROM gsd_session_filters WHERE id IN (SELECT id FROM gsd_session_blocks WHERE session_id = NEW.session_id);
END;

CREATE TRIGGER IF NOT EXISTS gsd_session_resized_from
AFTER DELETE ON gsd_session_sizes
BEGIN
  DELETE FROM gsd_session_filters WHERE id IN (SELECT id FROM gsd_session_blocks WHERE session_id = OLD.session_id);
END;

CREATE TRIGGER IF NOT EXISTS gsd_session_terminal_changed
AFTER UPDATE OF session_id, terminal, columns, rows ON gsd_session_details
BEGIN
  DELETE FROM gsd_session_filters
  WHERE id IN (SELECT id FROM gsd_session_blocks WHERE session_id IN (OLD.session_id, NEW.session_id));
END;

CREATE TRIGGER IF NOT EXISTS gsd_session_terminal_given
AFTER INSERT ON gsd_session_details
BEGIN
  DELETE FROM gsd_session_filters WHERE id IN (SELECT id FROM gsd_session_blocks WHERE session_id = NEW.session_id);
END;

CREATE TRIGGER IF NOT EXISTS gsd_session_terminal_gone
AFTER DELETE ON gsd_session_details
BEGIN
  DELETE FROM gsd_session_filters WHERE id IN (SELECT id FROM gsd_session_blocks WHERE session_id = OLD.session_id);
END;

-- Whoever changes rows while they are sealed: what was read of them is not what is stored.
CREATE TRIGGER IF NOT EXISTS gsd_session_output_changed
AFTER UPDATE ON session_outputs
BEGIN
  UPDATE gsd_session_seals SET work = 1 WHERE session_id IN (OLD.session_id, NEW.session_id) AND work > 1;
END;

CREATE TRIGGER IF NOT EXISTS gsd_session_output_removed
AFTER DELETE ON session_outputs
BEGIN
  UPDATE gsd_session_seals SET work = 1 WHERE session_id = OLD.session_id AND work > 1;
END;
