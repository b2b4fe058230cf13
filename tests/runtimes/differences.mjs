// What differs on other runtimes than Node.js: the tests that fail there, and why. A test that is listed and passes
// makes the run fail as well, so that the list is true. `test` is how the full name starts; without it no test of
// the spec runs.

export const differences = {
  bun: [],
  deno: [],
}
