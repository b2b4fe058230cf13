import { outcome, outcomes, rows, topic } from './helpers.mjs'

const scripts = {
  nothing: '',
  'white space': ' \n\t ',
  'a comment': '-- nothing',
  'an open comment': '/* nothing',
  semicolons: ';;;',
  'one statement': "INSERT INTO bag VALUES ('a')",
  'many statements':
    "INSERT INTO bag VALUES ('a'); INSERT INTO bag VALUES ('b');\nDELETE FROM people;",
  'comments between':
    "-- one\nINSERT INTO bag VALUES ('a'); /* two; */ INSERT INTO bag VALUES ('b') -- three",
  'a select': 'SELECT * FROM people',
  'a select that writes':
    "INSERT INTO bag VALUES ('a') RETURNING value; INSERT INTO bag VALUES ('b')",
  'an error at the start': "INSERT INTO nowhere VALUES (1); INSERT INTO bag VALUES ('b')",
  'an error in the middle':
    "INSERT INTO bag VALUES ('a'); INSERT INTO people (id, name) VALUES (1, 'x'); INSERT INTO bag VALUES ('b')",
  'a syntax error in the middle':
    "INSERT INTO bag VALUES ('a'); INSRT; INSERT INTO bag VALUES ('b')",
  'a syntax error at the end': "INSERT INTO bag VALUES ('a'); oops",
  'an open string at the end': "INSERT INTO bag VALUES ('a'); INSERT INTO bag VALUES ('b",
  'an error in a transaction':
    "BEGIN; INSERT INTO bag VALUES ('a'); INSERT INTO people (id, name) VALUES (1, 'x'); COMMIT",
  'a transaction': "BEGIN; INSERT INTO bag VALUES ('a'); COMMIT",
  'a transaction left open': "BEGIN; INSERT INTO bag VALUES ('a')",
  'a commit of nothing': 'COMMIT',
  'NUL at the end': "INSERT INTO bag VALUES ('a');\0",
  'NUL in the middle': "INSERT INTO bag VALUES ('a');\0INSERT INTO bag VALUES ('b')",
  'NUL in a literal': "INSERT INTO bag VALUES ('a\0b')",
  'NUL only': '\0',
  'parameters, which are NULL': 'INSERT INTO bag VALUES (?), (:a), (?7)',
  'a pragma':
    'PRAGMA application_id = 9; INSERT INTO bag SELECT application_id FROM pragma_application_id',
  'a table and its use':
    'CREATE TABLE made (a); INSERT INTO made VALUES (1); INSERT INTO bag SELECT a FROM made',
  'a trigger, with its semicolons':
    "CREATE TRIGGER t AFTER INSERT ON bag BEGIN INSERT INTO log VALUES ('1'); INSERT INTO log VALUES ('2'); END; INSERT INTO bag VALUES ('a')",
  'other letters': "INSERT INTO bag VALUES ('grün 🚀'); INSERT INTO bag VALUES ('漢字')",
  'a byte order mark': "\u{feff}INSERT INTO bag VALUES ('a')",
  'a lone surrogate': "INSERT INTO bag VALUES ('\udc00')",
  'an error at run time in a select': 'SELECT abs(-9223372036854775808); DELETE FROM people',
  'Windows line ends': "INSERT INTO bag VALUES ('a');\r\nINSERT INTO bag VALUES ('b');\r\n",
  'a thousand statements': "INSERT INTO bag VALUES ('x');".repeat(1000),
}

const noText = [undefined, null, 1, true, {}, [], Buffer.from('SELECT 1'), Object('SELECT 1')]

const pragmas = {
  'one that reads': ['user_version'],
  'one that reads, simple': ['user_version', { simple: true }],
  'one that reads, not simple': ['user_version', { simple: false }],
  'one that writes': ['application_id = 7'],
  'one that writes, simple': ['application_id = 7', { simple: true }],
  'one that writes and answers': ['locking_mode = NORMAL'],
  'one that writes and answers, simple': ['journal_mode = WAL', { simple: true }],
  table_info: ['table_info(people)'],
  'table_info, simple': ['table_info(people)', { simple: true }],
  'table_info of nothing': ['table_info(nowhere)'],
  'table_info of nothing, simple': ['table_info(nowhere)', { simple: true }],
  'of a database': ['main.user_version'],
  'of an unknown database': ['nowhere.user_version'],
  unknown: ['nothing_like_it'],
  'unknown, simple': ['nothing_like_it', { simple: true }],
  'unknown, with a value': ['nothing_like_it = 1'],
  'several in one': ['user_version; PRAGMA page_size'],
  'several in one without the word': ['user_version; page_size'],
  'a semicolon behind': ['user_version;'],
  'a comment behind': ['user_version -- so'],
  'a parameter': ['user_version = ?'],
  empty: [''],
  'a comment only': ['-- so'],
  'a syntax error': ['user_version ='],
  'a statement in disguise': ['application_id = 1; DELETE FROM people'],
  foreign_key_list: ['foreign_key_list(people)'],
  index_list: ['index_list(jobs)'],
  integrity_check: ['integrity_check'],
  'quick_check, simple': ['quick_check', { simple: true }],
  foreign_key_check: ['foreign_key_check'],
  collation_list: ['collation_list'],
  'null for options': ['user_version', null],
  'undefined for options': ['user_version', undefined],
  'empty options': ['user_version', {}],
  'options without a prototype': ['user_version', Object.create(null)],
  'options of a string': ['user_version', 'simple'],
  'options of a boolean': ['user_version', true],
  'options of a function': ['user_version', () => 1],
  'options of an array': ['user_version', []],
  'simple of a string': ['user_version', { simple: 'yes' }],
  'simple of a number': ['user_version', { simple: 1 }],
  'simple undefined': ['user_version', { simple: undefined }],
  'simple null': ['user_version', { simple: null }],
  'simple by inheritance': ['user_version', Object.create({ simple: true })],
  'an unknown option': ['user_version', { Simple: true }],
  'no text': [],
  'null for text': [null],
  'a number for text': [5],
  'an object for text': [{}],
}

const settings = [
  'analysis_limit', 'application_id', 'auto_vacuum', 'automatic_index', 'busy_timeout', 'cache_size',
  'cell_size_check', 'checkpoint_fullfsync', 'defer_foreign_keys', 'encoding', 'foreign_keys', 'freelist_count',
  'fullfsync', 'ignore_check_constraints', 'journal_mode', 'journal_size_limit', 'legacy_alter_table',
  'locking_mode', 'max_page_count', 'mmap_size', 'page_size', 'query_only', 'read_uncommitted',
  'recursive_triggers', 'reverse_unordered_selects', 'secure_delete', 'synchronous', 'temp_store', 'threads',
  'trusted_schema', 'user_version', 'wal_autocheckpoint', 'writable_schema',
  'full_column_names', 'short_column_names', 'count_changes', 'empty_result_callbacks', 'default_cache_size',
  'module_list', 'function_list', 'compile_options',
] // prettier-ignore

const map = (record, make) =>
  Object.fromEntries(Object.entries(record).map(([name, entry]) => [name, make(entry)]))

const lists = ['module_list', 'function_list', 'compile_options']

export default [
  ...topic(
    'exec',
    map(scripts, (sql) => (db) => {
      const seen = [outcome(() => db.exec(sql) === db), db.inTransaction]
      if (db.inTransaction) db.exec('ROLLBACK')
      return [seen, rows(db, 'SELECT value FROM bag'), rows(db, 'SELECT count(*) FROM people')]
    }),
  ),
  ...topic('exec', {
    'what is no string': (db) => noText.map((source) => outcome(() => db.exec(source))),
    'no argument': (db) => db.exec(),
    'more arguments': (db) => {
      db.exec("INSERT INTO bag VALUES ('a')", 'more')
      return rows(db, 'SELECT * FROM bag')
    },
  }),
  ...topic(
    'pragma',
    map(pragmas, (args) => (db) => [
      outcome(() => db.pragma(...args)),
      rows(db, 'SELECT count(*) FROM people'),
    ]),
  ),
  ...topic(
    'setting',
    Object.fromEntries(
      settings
        .filter((name) => !lists.includes(name))
        .map((name) => [name, (db) => db.pragma(name, { simple: true })]),
    ),
  ),
  ...topic('pragma', {
    'a setting that stays': (db) => [
      db.pragma('application_id = 12'),
      db.pragma('application_id', { simple: true }),
      db.pragma('application_id'),
    ],
    'foreign keys on and off': (db) => [
      db.pragma('foreign_keys = ON'),
      db.pragma('foreign_keys', { simple: true }),
      db.pragma('foreign_keys = OFF'),
      db.pragma('foreign_keys', { simple: true }),
    ],
    'foreign keys in a transaction': (db) => {
      db.exec('BEGIN')
      db.pragma('foreign_keys = ON')
      const during = db.pragma('foreign_keys', { simple: true })
      db.exec('ROLLBACK')
      return [during, db.pragma('foreign_keys', { simple: true })]
    },
    'a checkpoint': (db) => {
      db.exec("INSERT INTO bag VALUES ('a')")
      return Object.keys(db.pragma('wal_checkpoint')[0])
    },
    'another user_version': (db) => [
      outcome(() => db.pragma('user_version = 12')),
      outcome(() => db.exec('PRAGMA main.user_version(12)')),
      outcome(() => db.prepare('PRAGMA user_version = 12').run()),
    ],
    'another user_version of an attached database': (db) => {
      db.exec("ATTACH ':memory:' AS other; PRAGMA other.user_version = 12")
      return db.pragma('other.user_version', { simple: true })
    },
    'an exclusive lock for good': (db) =>
      outcome(() => db.pragma('locking_mode = EXCLUSIVE', { simple: true })),
    'another journal': (db) => [
      db.pragma('journal_mode = DELETE', { simple: true }),
      db.pragma('journal_mode = WAL', { simple: true }),
    ],
    'VACUUM behind a commit': (db) => {
      db.exec("INSERT INTO bag VALUES ('a')")
      return outcomes(
        () => db.exec('DELETE FROM people; VACUUM'),
        () => db.pragma('integrity_check', { simple: true }),
        () => db.pragma('auto_vacuum = FULL'),
        () => db.exec('VACUUM'),
        () => db.pragma('auto_vacuum', { simple: true }),
      )
    },
    'with safe integers by default': (db) => {
      db.defaultSafeIntegers()
      return [db.pragma('user_version'), db.pragma('page_size', { simple: true })]
    },
    'the functions of SQL': (db) =>
      new Set(db.pragma('function_list').map(({ name }) => name)).size > 100,
    optimize: (db) => db.pragma('optimize'),
    database_list: (db) => db.pragma('database_list').map(({ seq, name }) => [seq, name]),
    query_only: (db) => {
      db.pragma('query_only = ON')
      return outcomes(
        () => db.exec("INSERT INTO bag VALUES ('a')"),
        () => db.pragma('query_only = OFF'),
        () => db.exec("INSERT INTO bag VALUES ('a')"),
      )
    },
  }),
]
