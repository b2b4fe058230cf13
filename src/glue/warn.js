// Tells people what is no error. Whatever comes of that is nothing that an opened database should fail for.
;(function (message, code) {
  try {
    globalThis.process?.emitWarning(message, { code })
  } catch {}
})
