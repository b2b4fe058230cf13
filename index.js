'use strict'
// The entry point. The binary is found by native.js, which `npm run build` generates; loader/ says
// what is wrong where that fails. Every name is assigned on its own, so that ES modules can import it.

const native = require('./loader/load.js')

module.exports.DatabaseConnection = native.DatabaseConnection
module.exports.OutputStore = native.OutputStore
module.exports.SessionStore = native.SessionStore
module.exports.SqliteError = native.SqliteError
module.exports.closeDatabase = native.closeDatabase
module.exports.getDatabase = native.getDatabase
module.exports.salvage = native.salvage
// What the generated types declare as well.
module.exports['__napiBindingTarget'] = native['__napiBindingTarget']
