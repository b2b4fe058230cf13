// Has `settle` called when the process, or the Worker, is about to end.
;(function (settle) {
  globalThis.process?.on('exit', settle)
  if (!globalThis.Deno) return
  for (const type of ['error', 'unhandledrejection']) globalThis.addEventListener(type, settle)
})
