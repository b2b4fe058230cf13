// The tables that every form starts with.
export const TABLES = `
  CREATE TABLE people (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    age INTEGER CHECK (age >= 0),
    email TEXT UNIQUE,
    boss INTEGER REFERENCES people (id)
  );
  INSERT INTO people VALUES
    (1, 'Ada', 36, 'ada@example.org', NULL),
    (2, 'Bo', 41, 'bo@example.org', 1),
    (3, 'Cy', NULL, NULL, 1),
    (4, 'Dee', 29, NULL, 2);

  CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT, body BLOB);
  CREATE TABLE bag (value);
  CREATE TABLE typed (i INTEGER, r REAL, t TEXT, n NUMERIC, b BLOB);
  CREATE TABLE pairs (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
  INSERT INTO pairs VALUES ('a', '1'), ('b', '2');

  CREATE TABLE jobs (slot INTEGER, state TEXT, note TEXT);
  CREATE UNIQUE INDEX one_on ON jobs (slot) WHERE state = 'on';
  INSERT INTO jobs VALUES (1, 'on', NULL), (1, 'off', NULL), (2, 'off', NULL);

  CREATE TABLE watched (text TEXT);
  CREATE TABLE log (text TEXT);
  CREATE TRIGGER watched_log AFTER INSERT ON watched BEGIN
    INSERT INTO log VALUES (new.text);
    INSERT INTO log VALUES (new.text || '!');
  END;
  CREATE VIEW adults AS SELECT id, name FROM people WHERE age >= 18;`
