// The tests that fail on other runtimes than Node.js, and why. A listed test that passes makes the run fail as well,
// so that the list stays true. `spec` is the folder and the name of the spec. `test` is the start of the full name of
// the test; without it no test of the spec runs. A test that fails only `sometimes` may pass: that depends on which of
// two threads is faster.

const TERMINATED =
  'A Worker that is terminated from outside is dropped without its Node-API clean-up. Its connections stay open until ' +
  'the process ends, with their threads, descriptors and locks. What it had queued by write-behind is ' +
  'committed after `maxDelay`, unless the process ends before that. Have Workers close their connections.'

const ENDED =
  'The same goes for a Worker that ends by itself with a transaction or an iterator open: the lock of its ' +
  'transaction stays until the process ends.'

const REFERENCE =
  'better-sqlite3, with which `connection.db` is compared call by call, does not run there (SIGSEGV); the specs of ' +
  '`connection.db` itself do.'

const ELSEWHERE =
  'A Deno that is made to believe that it runs on another platform ends before it loads anything, so the specs of what ' +
  'the loader says elsewhere do not run there. Those of what it says on Linux do.'

const EXCEPTION =
  'Where the process ends at the very moment at which an exception ends one of its Workers, what that Worker had ' +
  'queued by write-behind may be lost.'

const BELOW =
  'It ends a process without what C does at the end, so what is queued by write-behind is lost where no listener of ' +
  "`'exit'` runs: another one that was put before the package's throws, they were removed, or JavaScript was left out. " +
  'Call `flush()` or `close()` before.'

const below = (test) => ({
  spec: 'store/write-behind-exits',
  test: `what is queued when the process ends queued output is committed although ${test}`,
  reason: BELOW,
})

const terminated = { spec: 'store/lifetimes', test: 'eight Workers', reason: TERMINATED }
const queued = {
  spec: 'store/write-behind-exits',
  test: 'what is queued when the process ends queued output is committed by a Worker that is terminated',
  reason: TERMINATED,
}

export const differences = {
  bun: [
    below('a listener that was prepended later throws'),
    below('the listeners were removed'),
    below('the process is ended below JavaScript'),
    terminated,
    { ...queued, sometimes: true },
    {
      spec: 'store/lifetimes',
      test: 'a process that ends where it stands what was acknowledged is there after an exception in a Worker',
      reason: EXCEPTION,
      sometimes: true,
    },
  ],
  deno: [
    terminated,
    // The queue is committed when the environment of the Worker ends.
    { ...queued, sometimes: true },
    {
      spec: 'handle/lifetimes',
      test: 'the end of a process or a Worker a Worker may end with iterators and transactions left open',
      reason: ENDED,
    },
    { spec: 'handle/differential', reason: REFERENCE },
    { spec: 'file/two-versions', reason: REFERENCE },
    {
      spec: 'package/loader',
      test: 'a platform package that is not installed the error for a missing platform package names the one for',
      reason: ELSEWHERE,
    },
    { spec: 'package/loader', test: 'a platform without a package', reason: ELSEWHERE },
  ],
}
