import type { Database as Handle } from './index.js'
import type * as types from './index.js'

/** Opens a database as better-sqlite3 does, and gives the handle of a `DatabaseConnection`. */
declare const Database: Handle.DatabaseConstructor

/** The types of the handle by the names that they have in `@types/better-sqlite3`. */
declare namespace Database {
  type ColumnDefinition = types.ColumnDefinition
  type Database = Handle
  type DatabaseConstructor = Handle.DatabaseConstructor
  type Options = Handle.Options
  type PragmaOptions = types.PragmaOptions
  type RunResult = types.RunResult
  type SqliteError = types.SqliteError
  type Statement<
    BindParameters extends unknown[] | {} = unknown[],
    Result = unknown,
  > = types.Statement<BindParameters, Result>
  type Transaction<F extends (...params: never[]) => unknown> = types.Transaction<F>
}

export = Database
