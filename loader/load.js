'use strict'
// Loads the binary, and words the error where there is none.

const { refuseCutShort } = require('./cut-short.js')

// Has native.js compare the version of the platform package with its own. Left out, a package that was
// not updated with the other one would load, and lack what index.d.ts promises.
const CHECK = 'NAPI_RS_ENFORCE_VERSION_CHECK'

const asked = process.env[CHECK]
const { dlopen } = process
try {
  if (asked === undefined) process.env[CHECK] = '1'
  process.dlopen = (module, file, ...rest) => {
    refuseCutShort(file)
    return dlopen.call(process, module, file, ...rest)
  }
  module.exports = require('../native.js')
} catch (error) {
  // Read only now: where all is well nobody waits for it.
  throw require('./failure.js').describeFailure(error)
} finally {
  process.dlopen = dlopen
  if (asked === undefined) delete process.env[CHECK]
}
