// What is reported: a number of a trial, and how it should compare with better-sqlite3's.

/** The trials in the order in which they run. */
export const TRIALS = [
  'append-small',
  'append-long',
  'append-large',
  'append-write-behind',
  'append-many',
  'get-by-session',
  'get-since',
  'get-full-output',
  'search',
  'list-sessions',
  'get-session',
  'update-session',
  'create-session',
  'open',
  'handle',
  'handle-shapes',
  'drizzle',
  'event-loop',
  'event-loop-write-behind',
]

/**
 * @typedef {object} Call
 * @property {string} call What was called, for people.
 * @property {string} trial
 * @property {string} metric Which number of the trial.
 * @property {'µs' | 'bytes' | '%'} [unit] By default µs.
 * @property {number} [goal] The greatest ratio to better-sqlite3 that is good enough.
 */

/** @type {Call[]} */
export const CALLS = [
  { call: 'append, 150 B: mean', trial: 'append-small', metric: 'mean', goal: 0.55 },
  { call: 'append, 150 B: p50', trial: 'append-small', metric: 'p50', goal: 0.8 },
  { call: 'append, 150 B: p99.9', trial: 'append-small', metric: 'p999', goal: 0.06 },
  { call: 'append, 150 B: longest of 300,000', trial: 'append-long', metric: 'max', goal: 1 },
  { call: 'append, 150 B: processors', trial: 'append-small', metric: 'cpu', goal: 1 },
  { call: 'append, 150 B: written per row', trial: 'append-small', metric: 'bytes', unit: 'bytes' },
  { call: 'append, 2.4 kB: mean', trial: 'append-large', metric: 'mean' },
  { call: 'append, 2.4 kB: p99.9', trial: 'append-large', metric: 'p999' },
  { call: 'write-behind: mean', trial: 'append-write-behind', metric: 'mean', goal: 0.06 },
  { call: 'write-behind: p99.9', trial: 'append-write-behind', metric: 'p999', goal: 0.03 },
  { call: 'write-behind: event loop busy per row', trial: 'append-write-behind', metric: 'loop' },
  {
    call: 'write-behind: flood until flushed, per row',
    trial: 'append-write-behind',
    metric: 'total',
  },
  {
    call: 'write-behind: written per row',
    trial: 'append-write-behind',
    metric: 'bytes',
    unit: 'bytes',
    goal: 0.1,
  },
  { call: 'appendMany(1000), per row', trial: 'append-many', metric: 'time', goal: 0.75 },
  { call: 'getBySession(id, 10)', trial: 'get-by-session', metric: 'limit10', goal: 0.27 },
  { call: 'getBySession(id, 100)', trial: 'get-by-session', metric: 'limit100', goal: 0.42 },
  { call: 'getBySession(id, 1000)', trial: 'get-by-session', metric: 'limit1000', goal: 0.48 },
  { call: 'getBySessionSince, 1000 rows', trial: 'get-since', metric: 'time', goal: 0.44 },
  { call: 'getFullOutput, 4 MB', trial: 'get-full-output', metric: 'mixed', goal: 0.42 },
  { call: 'getFullOutput, 4 MB, all ASCII', trial: 'get-full-output', metric: 'ascii' },
  { call: 'search, 15 MB, to LIKE', trial: 'search', metric: 'time' },
  { call: 'list(), 1000 sessions', trial: 'list-sessions', metric: 'time', goal: 0.4 },
  { call: 'list(), stored in any order', trial: 'list-sessions', metric: 'mixed', goal: 0.4 },
  { call: 'get(id)', trial: 'get-session', metric: 'time', goal: 0.5 },
  { call: 'update(id, fields)', trial: 'update-session', metric: 'time' },
  {
    call: 'update(id, fields), in a transaction',
    trial: 'update-session',
    metric: 'inside',
    goal: 0.23,
  },
  { call: 'create(session)', trial: 'create-session', metric: 'time', goal: 0.7 },
  { call: 'create(session), in a transaction', trial: 'create-session', metric: 'inside' },
  { call: 'open until a chunk is taken', trial: 'open', metric: 'ready', goal: 0.8 },
  { call: 'open, constructors only', trial: 'open', metric: 'constructed' },
  { call: 'db: get, 1 row', trial: 'handle', metric: 'get', goal: 1 },
  { call: 'db: all, 100 rows', trial: 'handle', metric: 'all', goal: 0.8 },
  { call: 'db: run, in a transaction', trial: 'handle', metric: 'run' },
  { call: 'db: raw(false), get', trial: 'handle-shapes', metric: 'rawToggle', goal: 1 },
  {
    call: 'db: raw(true), get, raw(false), get',
    trial: 'handle-shapes',
    metric: 'rawTurns',
    goal: 1,
  },
  { call: 'db: raw all, 1000 rows', trial: 'handle-shapes', metric: 'rawAll', goal: 0.9 },
  { call: 'db: raw iterate, 1000 rows', trial: 'handle-shapes', metric: 'rawIterate', goal: 0.9 },
  { call: 'db: iterate, 1000 rows', trial: 'handle-shapes', metric: 'iterate', goal: 1 },
  { call: 'db: all, 1000 blobs', trial: 'handle-shapes', metric: 'blobs', goal: 1 },
  { call: 'db: safe integers, 1000 rows', trial: 'handle-shapes', metric: 'safeIntegers', goal: 1 },
  { call: 'db: get, parameters in an array', trial: 'handle-shapes', metric: 'bindArray', goal: 1 },
  { call: 'db: get, parameters by name', trial: 'handle-shapes', metric: 'bindName', goal: 1 },
  { call: 'drizzle, prepared: get', trial: 'drizzle', metric: 'get', goal: 1 },
  { call: 'drizzle, prepared: all, 100 rows', trial: 'drizzle', metric: 'all', goal: 0.9 },
  { call: 'harness: event loop busy', trial: 'event-loop', metric: 'busy', unit: '%' },
  { call: 'harness: loop delay p99.9', trial: 'event-loop', metric: 'delayP999' },
  { call: 'harness: written per chunk', trial: 'event-loop', metric: 'bytes', unit: 'bytes' },
  {
    call: 'harness, write-behind: event loop busy',
    trial: 'event-loop-write-behind',
    metric: 'busy',
    unit: '%',
  },
  {
    call: 'harness, write-behind: loop delay p99.9',
    trial: 'event-loop-write-behind',
    metric: 'delayP999',
  },
  {
    call: 'harness, write-behind: written per chunk',
    trial: 'event-loop-write-behind',
    metric: 'bytes',
    unit: 'bytes',
  },
]
