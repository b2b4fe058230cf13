import { outcome, outcomes, rows, topic, value } from './helpers.mjs'

// What a user of SQLite expects of it.
const queries = {
  'json functions': `SELECT json('{ "a" : [1, 2] }'), json_extract('{"a":{"b":5}}', '$.a.b'),
    '{"a":[1,2,3]}' ->> '$.a[1]', '{"a":1}' -> 'a', json_array(1, 'x', NULL), json_valid('{')`,
  json_each: `SELECT key, value, type FROM json_each('{"a":1,"b":[2],"c":null}')`,
  json_tree: `SELECT fullkey, atom FROM json_tree('{"a":[1,{"b":2}]}')`,
  'json aggregates': 'SELECT json_group_array(name), json_group_object(id, age) FROM people',
  'json_set and json_patch': `SELECT json_set('{"a":1}', '$.b', json('[1]')), json_patch('{"a":1}', '{"a":null}')`,
  jsonb: `SELECT typeof(jsonb('[1]')), json(jsonb('{"a":[1,2]}')), jsonb('[1,2]')`,
  JSON5: `SELECT json('{a:1,/* c */b:0x10,}')`,
  'math functions': `SELECT round(sqrt(2), 9), round(pi(), 9), pow(2, 10), round(ln(10), 9), log(100), log2(8),
    round(exp(1), 9), round(sin(1), 9), floor(-1.5), ceil(1.2), trunc(-1.9), mod(10, 3), degrees(pi()), sign(-5),
    round(atan2(1, 2), 9)`,
  'window functions': `SELECT name, row_number() OVER (ORDER BY age DESC), sum(age) OVER (ORDER BY id),
    lag(name) OVER (ORDER BY id), ntile(2) OVER (ORDER BY id),
    first_value(name) OVER (PARTITION BY boss ORDER BY id) FROM people ORDER BY id`,
  'a window frame': `SELECT avg(age) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW) FROM people`,
  'a recursive expression': `WITH RECURSIVE chain (id, depth) AS (
    SELECT id, 0 FROM people WHERE boss IS NULL UNION ALL
    SELECT people.id, depth + 1 FROM people JOIN chain ON boss = chain.id) SELECT * FROM chain ORDER BY 1`,
  'a materialized expression': 'WITH a AS MATERIALIZED (SELECT 1 AS b) SELECT * FROM a, a AS c',
  aggregates: `SELECT count(*), sum(age), total(age), avg(age), min(name), max(name),
    group_concat(name, '-' ORDER BY name DESC), string_agg(name, '+') FROM people`,
  'an aggregate with FILTER': 'SELECT count(*) FILTER (WHERE age > 30) FROM people',
  'aggregates of nothing': 'SELECT sum(age), total(age), count(*), max(age) FROM people WHERE 0',
  percentiles: 'SELECT median(age), percentile(age, 25), percentile_cont(age, 0.5) FROM people',
  'date functions': `SELECT date('2026-03-01', '+1 month', 'start of month', '-1 day'), unixepoch('2026-03-01'),
    strftime('%Y %j %W %f', '2026-03-01 12:34:56.789'), julianday('2026-03-01'), timediff('2026-03-01', '2025-01-31')`,
  'text functions': `SELECT upper('äb'), lower('ÄB'), trim('  a '), substr('abc', -2), instr('abc', 'c'),
    replace('aaa', 'a', 'b'), printf('%05d|%-5s|%.2f', 42, 'x', 1.005), unicode('é'), char(233), hex('é'),
    concat_ws('-', 1, NULL, 2), quote('it''s'), unistr('\\00e9'), octet_length('é')`,
  'LIKE and GLOB': `SELECT 'ABC' LIKE 'a%', 'É' LIKE 'é', 'abc' GLOB 'a*', 'a%c' LIKE 'a\\%c' ESCAPE '\\'`,
  'LIKE of a blob': "SELECT x'616263' LIKE 'a%', x'616263' GLOB 'a*', 'abc' LIKE x'6125'",
  soundex: "SELECT soundex('Robert')",
  iif: "SELECT iif(1, 'a', 'b'), coalesce(NULL, 2), nullif(1, 1), ifnull(NULL, 3), if(0, 1, 2)",
  'IS DISTINCT FROM': 'SELECT 1 IS DISTINCT FROM NULL, NULL IS NOT DISTINCT FROM NULL',
  'row values': 'SELECT (1, 2) < (1, 3), (SELECT 1, 2) = (1, 2)',
  'a right and a full join': `SELECT * FROM (VALUES (1), (2)) a FULL JOIN (VALUES (2), (3)) b
    ON a.column1 = b.column1 ORDER BY 1, 2`,
  'NULLS LAST': 'SELECT age FROM people ORDER BY age DESC NULLS FIRST, id',
  collations: "SELECT 'a' = 'A' COLLATE NOCASE, 'a ' = 'a' COLLATE RTRIM",
  'numbers in hex and with underscores': 'SELECT 0x7fffffffffffffff, 1_000_000, 0xffffffffffffffff',
  'bit operations': 'SELECT 5 & 3, 5 | 3, ~5, 1 << 62, -1 >> 1',
  'implicit casts':
    "SELECT '10' + 5, '1e3' * 1, 'abc' + 1, 5 || 5, 1 = '1', 10 / 4, 10 % 4, 10 / 4.0",
  'a table function': "SELECT name FROM pragma_table_info('people')",
  'a join of table functions': `SELECT m.name, i.name FROM sqlite_schema m, pragma_index_list(m.name) i
    WHERE m.type = 'table' ORDER BY 1, 2`,
  'the schema': 'SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name',
  'temp schema': 'SELECT count(*) FROM sqlite_temp_schema',
  dbstat: "SELECT count(*) > 0 FROM dbstat WHERE name = 'people'",
  'INDEXED BY': "SELECT id FROM jobs INDEXED BY one_on WHERE slot = 1 AND state = 'on'",
  likelihood: 'SELECT likely(1), unlikely(0), likelihood(1, 0.5)',
  'compile options':
    "SELECT sqlite_compileoption_used('DQS=0'), sqlite_compileoption_used('ENABLE_FTS5')",
  'load_extension()': "SELECT load_extension('nothing')",
  'random and its kind': 'SELECT typeof(random()), length(randomblob(16)), typeof(randomblob(1))',
  generate_series: 'SELECT * FROM generate_series(1, 3)',
  'fts3 tokenizer': "SELECT fts3_tokenizer('simple')",
  sha3: "SELECT sha3('x')",
  'a regular expression': "SELECT 'a' REGEXP 'b'",
  'match without a table': "SELECT 'a' MATCH 'b'",
  geopoly: "SELECT geopoly_area('[[0,0],[1,0],[1,1],[0,0]]')",
  readfile: "SELECT readfile('/nowhere')",
}

const scripts = {
  fts5: [
    `CREATE VIRTUAL TABLE docs USING fts5(title, body, tokenize = 'porter unicode61');
     INSERT INTO docs VALUES ('One', 'running quickly'), ('Two', 'slow walk'), ('Three', 'they ran')`,
    "SELECT title, highlight(docs, 1, '[', ']'), bm25(docs) < 0, snippet(docs, 1, '<', '>', '…', 3) FROM docs WHERE docs MATCH 'run'",
    'SELECT count(*) FROM docs',
    "SELECT rowid FROM docs('tit* OR walk')",
    "SELECT * FROM docs WHERE docs MATCH '\"unterminated'",
    "INSERT INTO docs (docs) VALUES ('integrity-check')",
    "INSERT INTO docs (docs) VALUES ('nonsense')",
    "DELETE FROM docs WHERE title = 'One'",
    "UPDATE docs SET body = 'new' WHERE rowid = 2",
  ],
  'fts5 trigram': [
    "CREATE VIRTUAL TABLE grams USING fts5(t, tokenize = 'trigram'); INSERT INTO grams VALUES ('abcdef')",
    "SELECT t FROM grams WHERE t LIKE '%cde%'",
  ],
  'fts5 external content': [
    `CREATE VIRTUAL TABLE search USING fts5(text, content = 'notes', content_rowid = 'id');
     CREATE TRIGGER notes_search AFTER INSERT ON notes BEGIN
       INSERT INTO search (rowid, text) VALUES (new.id, new.text); END;
     INSERT INTO notes (text) VALUES ('hello world'), ('other')`,
    "SELECT rowid, text FROM search WHERE search MATCH 'world'",
  ],
  fts4: [
    "CREATE VIRTUAL TABLE old USING fts4(body); INSERT INTO old VALUES ('some words'), ('other words')",
    "SELECT body, offsets(old) FROM old WHERE body MATCH 'some AND words'",
  ],
  fts3: [
    "CREATE VIRTUAL TABLE older USING fts3(body); INSERT INTO older VALUES ('a b'), ('c d')",
    "SELECT body FROM older WHERE body MATCH '(a OR d) NOT c'",
  ],
  rtree: [
    `CREATE VIRTUAL TABLE boxes USING rtree(id, x1, x2, y1, y2, +label);
     INSERT INTO boxes VALUES (1, 0, 10, 0, 10, 'a'), (2, 20, 30, 20, 30, 'b')`,
    'SELECT id, label FROM boxes WHERE x1 >= 5 AND y2 <= 40',
    'SELECT * FROM boxes',
    "INSERT INTO boxes VALUES (3, 10, 0, 0, 1, 'wrong')",
    "SELECT rtreecheck('boxes')",
  ],
  geopoly: [
    "CREATE VIRTUAL TABLE shapes USING geopoly(label); INSERT INTO shapes (_shape, label) VALUES ('[[0,0],[2,0],[2,2],[0,0]]', 'a')",
    'SELECT label FROM shapes WHERE geopoly_contains_point(_shape, 1, 0.5)',
  ],
  triggers: [
    `CREATE TABLE counter (n); INSERT INTO counter VALUES (0);
     CREATE TRIGGER count_up AFTER INSERT ON bag BEGIN UPDATE counter SET n = n + 1; END;
     CREATE TRIGGER adults_update INSTEAD OF UPDATE ON adults BEGIN
       UPDATE people SET name = new.name WHERE id = old.id; END`,
    'INSERT INTO bag VALUES (1), (2), (3)',
    'SELECT n FROM counter',
    "UPDATE adults SET name = 'Z' WHERE id = 1",
    'SELECT name FROM people WHERE id = 1',
  ],
  'recursive triggers': [
    `CREATE TABLE down (n); CREATE TRIGGER step AFTER INSERT ON down WHEN new.n > 0 BEGIN
       INSERT INTO down VALUES (new.n - 1); END; INSERT INTO down VALUES (3)`,
    'SELECT n FROM down',
  ],
  'generated columns': [
    `CREATE TABLE boxed (w, h, area AS (w * h) STORED, label AS ('box ' || w));
     INSERT INTO boxed (w, h) VALUES (2, 3)`,
    'SELECT * FROM boxed',
    'UPDATE boxed SET w = 5 RETURNING area, label',
    "PRAGMA table_xinfo('boxed')",
  ],
  'a STRICT table': [
    'CREATE TABLE exact (i INT, t TEXT) STRICT; INSERT INTO exact VALUES (1, 2)',
    'SELECT i, t, typeof(t) FROM exact',
    'CREATE TABLE wrong (a VARCHAR) STRICT',
  ],
  'a partial and an expression index': [
    `CREATE INDEX old_people ON people (age) WHERE age > 30;
     CREATE INDEX lower_name ON people (lower(name))`,
    'EXPLAIN QUERY PLAN SELECT * FROM people WHERE age = 41 AND age > 30',
    "EXPLAIN QUERY PLAN SELECT * FROM people WHERE lower(name) = 'ada'",
  ],
  'an attached database': [
    "ATTACH ':memory:' AS other; CREATE TABLE other.t (a); INSERT INTO other.t VALUES (1)",
    'SELECT * FROM other.t',
    'PRAGMA other.table_info(t)',
    'SELECT a, name FROM other.t JOIN people ON id = a',
    'INSERT INTO other.t SELECT id FROM people RETURNING a',
    'DETACH other',
    'SELECT * FROM other.t',
  ],
  'a URI for a path': [
    "ATTACH 'file:never?mode=memory' AS uri",
    "SELECT file = '' FROM pragma_database_list WHERE name = 'uri'",
  ],
  'temp tables': [
    'CREATE TEMP TABLE scratch (a); INSERT INTO scratch VALUES (1); CREATE TEMP TABLE people (mine)',
    'SELECT * FROM scratch',
    'SELECT * FROM people',
    'SELECT count(*) FROM main.people',
    'SELECT name FROM sqlite_temp_schema ORDER BY name',
  ],
  'temp triggers and views': [
    `CREATE TEMP VIEW names AS SELECT name FROM people;
     CREATE TEMP TRIGGER t AFTER INSERT ON bag BEGIN INSERT INTO log VALUES ('t'); END;
     INSERT INTO bag VALUES (1)`,
    'SELECT * FROM names',
    'SELECT * FROM log',
  ],
  'a table called like a keyword': [
    'CREATE TABLE "order" ("group" INTEGER, "select" TEXT); INSERT INTO "order" VALUES (1, \'a\')',
    'SELECT "group", "select" FROM "order"',
  ],
  'double quotes in a schema': [
    'CREATE TABLE quoted (a DEFAULT "text")',
    'CREATE INDEX i ON people ("nothing")',
    'CREATE TABLE checked (a CHECK (a <> "x"))',
  ],
  'functions that a schema may not use': [
    'CREATE TABLE logged (a DEFAULT (random())); INSERT INTO logged DEFAULT VALUES',
    "CREATE VIEW tokens AS SELECT fts3_tokenizer('simple')",
    'SELECT * FROM tokens',
    "CREATE VIEW schema_of AS SELECT * FROM pragma_table_info('people')",
    'SELECT name FROM schema_of',
  ],
  'the schema table written by hand': [
    'PRAGMA writable_schema = ON',
    'PRAGMA writable_schema',
    "UPDATE sqlite_schema SET sql = 'nonsense'",
    "DELETE FROM sqlite_schema WHERE name = 'people'",
    'SELECT count(*) FROM people',
  ],
  'a shadow table written by hand': [
    'CREATE VIRTUAL TABLE docs USING fts5(body)',
    'DELETE FROM docs_data',
    'DROP TABLE docs_data',
    'CREATE TABLE docs_more (a)',
  ],
  'VACUUM and its kin': [
    'VACUUM',
    'ANALYZE',
    'REINDEX',
    'SELECT count(*) FROM sqlite_stat1',
    'VACUUM nowhere',
  ],
  'VACUUM in a transaction': ['BEGIN', 'VACUUM', 'ROLLBACK'],
  savepoints: [
    'SAVEPOINT a; INSERT INTO bag VALUES (1); SAVEPOINT b; INSERT INTO bag VALUES (2); ROLLBACK TO b; RELEASE a',
    'SELECT value FROM bag',
    'RELEASE nothing',
    'ROLLBACK TO nothing',
  ],
}

function runScript(statements) {
  return (db) =>
    statements.map((sql, index) => {
      if (index === 0) return outcome(() => db.exec(sql))
      return outcome(() => {
        const statement = db.prepare(sql)
        return statement.reader ? statement.raw().all() : statement.run()
      })
    })
}

const map = (record, make) =>
  Object.fromEntries(Object.entries(record).map(([name, entry]) => [name, make(entry)]))

export default [
  ...topic(
    'sql',
    map(queries, (sql) => (db) => rows(db, sql)),
  ),
  ...topic('sql script', map(scripts, runScript)),
  ...topic('explain', {
    'EXPLAIN shows a program': (db) => db.prepare('EXPLAIN SELECT * FROM people').all().length > 3,
    'EXPLAIN of a write changes nothing': (db) => {
      const program = db.prepare('EXPLAIN DELETE FROM people').all()
      return [program.length > 3, value(db, 'SELECT count(*) FROM people')]
    },
    'EXPLAIN with parameters': (db) =>
      outcomes(
        () => db.prepare('EXPLAIN QUERY PLAN SELECT * FROM people WHERE id = ?').all(),
        () => db.prepare('EXPLAIN QUERY PLAN SELECT * FROM people WHERE id = ?').all(1),
      ),
  }),
]
