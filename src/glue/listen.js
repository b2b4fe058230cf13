// Has `settle` called when the process, or the Worker, is about to end: first of all, as a listener that throws
// keeps those behind it from being told.
;(function (settle) {
  globalThis.process?.prependListener('exit', () => settle(true))
  if (!globalThis.Deno) return
  for (const type of ['error', 'unhandledrejection']) {
    globalThis.addEventListener(type, () => settle(false))
  }
})
