'use strict'
// Loads the binary, and explains the error where none loads.

const { _extensions } = /** @type {any} */ (require('node:module'))
const { refuseCutShort } = require('./cut-short.js')

// Has native.js compare the version of the platform package with its own. Left out, a package that was
// not updated with the other one would load, and lack what index.d.ts promises.
const CHECK = 'NAPI_RS_ENFORCE_VERSION_CHECK'

// What every binary goes through.
const [owner, method] = process.versions.deno ? [_extensions, '.node'] : [process, 'dlopen']

const asked = process.env[CHECK]
/** @type {(...args: any[]) => any} */
const loadBinary = owner[method]
try {
  if (asked === undefined) process.env[CHECK] = '1'
  owner[method] = (module, file, ...rest) => {
    refuseCutShort(file)
    return loadBinary.call(owner, module, file, ...rest)
  }
  module.exports = require('../../native.js')
} catch (error) {
  // Read only now: where all is well nobody waits for it.
  throw require('./failure.js').describeFailure(error)
} finally {
  owner[method] = loadBinary
  if (asked === undefined) delete process.env[CHECK]
}
