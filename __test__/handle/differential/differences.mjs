// Where the handle differs from better-sqlite3 on purpose. The reasons stand in docs/handle.md, word by word.
export const differences = [
  {
    forms: ['database: methods that are absent'],
    reason:
      'There is no `function`, `aggregate`, `table`, `loadExtension`, `unsafeMode`, `explain`, `backup` ' +
      'or `serialize`: SQL of the handle runs no code but that of SQLite, and its safety has no switch.',
  },
  {
    forms: ['setting: secure_delete'],
    reason:
      '`PRAGMA secure_delete` is `2`: [what is deleted is overwritten](retention.md#what-is-deleted-is-gone).',
  },
  {
    forms: ['sql: load_extension()'],
    reason:
      'SQLite is compiled without extension loading, so `load_extension()` is no function at all.',
  },
  {
    forms: ['constraint: an error is an Error'],
    reason:
      "A message starts with the call that failed: `Database.exec: UNIQUE constraint failed: people.id`. SQLite's " +
      'own words follow, and `code` is the same.',
  },
  {
    forms: [
      /^closed: (?:transaction|defaultSafeIntegers)$/,
      'closed without a transaction before: defaultSafeIntegers',
      /^closed statement(?: that was bound)?: (?:pluck|raw|expand|safeIntegers)$/,
      'closed statement that returns no data: safeIntegers',
    ],
    reason:
      'Once the connection is closed every method but `toString` throws a `TypeError` with `ERR_INVALID_STATE`; better-sqlite3 ' +
      'still lets `transaction`, `pluck`, `raw`, `expand` and the safe integers be set.',
  },
  {
    forms: [
      /^mode: (?:pluck|raw|expand|safeIntegers|default safe integers) takes a boolean/,
      /^pragma: simple (?:undefined|null)$/,
    ],
    reason:
      'An argument that is `undefined` and an option that is `undefined` or `null` count as left out; better-sqlite3 ' +
      'wants a boolean wherever there is an argument or a key.',
  },
  {
    forms: [
      'constraint: a deferred foreign key with RETURNING, get',
      'constraint: a deferred foreign key with RETURNING, iterate and return',
    ],
    reason:
      'A statement that writes is always run to its end, also by `get` and by an iterator that is left: what its commit ' +
      'says reaches the caller. better-sqlite3 hands out the row of an insert that was undone.',
  },
  {
    forms: [
      /^while iterating: (?:get|all|iterate) of an insert$/,
      'while iterating: all of an update of what is iterated',
    ],
    reason:
      'While a statement is iterated, the handle refuses all that writes, `RETURNING` included; better-sqlite3 lets ' +
      '`get`, `all` and `iterate` write.',
  },
  {
    forms: [
      'transaction: an iterator left open inside',
      'transaction: a throw with an iterator left open inside',
    ],
    reason:
      'A transaction that throws is rolled back although an iterator is open, and throws the first error; ' +
      'better-sqlite3 leaves it open, and throws another.',
  },
  {
    forms: [
      'rows: the name __proto__, objects',
      'rows: the name __proto__, expand',
      'rows: the name __proto__ with null, objects',
      'rows: the name __proto__ with null, expand',
      'rows: a table called __proto__, expand',
      'altered: the table made anew, SELECT *',
      'altered: the table made anew, SELECT * bound',
      'altered: the table made anew, SELECT * expanded',
    ],
    reason:
      'A column or table called `__proto__` is an ordinary key of its row; in better-sqlite3 it sets the prototype ' +
      'of the row, and the value is lost.',
  },
  {
    forms: [/^(?:stored )?value: a (?:part of a )?DataView$/],
    reason:
      'A `DataView` is stored as its bytes, like every other view; better-sqlite3 refuses it.',
  },
  {
    forms: [/^parameters.*: a Proxy of an array$/],
    reason: 'An array is what `Array.isArray` says, so a `Proxy` of an array is one.',
  },
  {
    forms: [
      'statement: a Proxy of a parameter that throws',
      'statement: a getter of a parameter that uses the statement, behind another',
    ],
    reason:
      'All parameters are read before the first is bound: what a getter or a `Proxy` throws reaches the caller, and ' +
      'a getter that uses the same statement changes nothing.',
  },
  {
    forms: [/^parameters.*: a name with (?:colons|brackets)$/],
    reason: 'Names such as `$a::b` and `$a(b)` are parameters, as SQLite documents them.',
  },
  {
    forms: [/^prepare: a (?:vertical tab|byte order mark) behind$/],
    reason:
      'What may stand behind a statement is decided by SQLite alone: a byte order mark counts as white space, and a ' +
      'vertical tab does not.',
  },
  {
    forms: [/^run: an? (?:update|delete) with LIMIT$/],
    reason:
      '`UPDATE` and `DELETE` take no `LIMIT`: the SQLite that rusqlite bundles cannot parse it. ' +
      '`WHERE rowid IN (SELECT rowid … LIMIT n)` does the same.',
  },
  {
    forms: ['value of SQL: a length beyond the longest string'],
    reason:
      "A value may be as long as SQLite allows (a billion bytes), also beyond JavaScript's longest string; only " +
      'reading such a text throws, a `RangeError`.',
  },
  {
    forms: ['statement: toString of a bound statement with long values'],
    reason:
      '`toString()` of a bound statement shows its values in full, so that the SQL can be run again; better-sqlite3 ' +
      'cuts them at 32 bytes.',
  },
  {
    forms: [/^value: an empty (?:Buffer|Uint8Array)$/, 'value: a view that is detached'],
    reason:
      "`toString()` of a bound statement writes an empty blob as `zeroblob(0)`, not as `x''`.",
  },
  {
    forms: ['database: its own enumerable properties', 'statement: its own enumerable properties'],
    reason:
      '`open`, `inTransaction` and `busy` are read through the class, so `Object.keys` does not list them: making a ' +
      'statement stays cheap.',
  },
  {
    forms: [
      'pragma: another user_version',
      'pragma: an exclusive lock for good',
      'pragma: another journal',
    ],
    reason:
      'What would make the file unopenable, or break what other processes rely on, is refused with `SQLITE_AUTH` when it is ' +
      'prepared; better-sqlite3 knows no tables of stores.',
  },
]
