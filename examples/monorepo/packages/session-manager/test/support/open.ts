import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { DatabaseConnection, SessionManager, type SessionManagerOptions } from '../../src/index.js'

// vitest cleans up in reverse order: what was opened is closed before its folder is removed.

/** A database file that nobody has made yet, in a folder that the test's end removes. */
export function temporaryFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'gsd-session-manager-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return join(folder, 'sessions.db')
}

/** A connection that the test's end closes. */
export function openConnection(dbPath = temporaryFile()): DatabaseConnection {
  const connection = new DatabaseConnection(dbPath)
  onTestFinished(() => connection.close())
  return connection
}

/** A manager that the test's end closes, with all its sessions. */
export function openManager(options: SessionManagerOptions = {}): SessionManager {
  const manager = new SessionManager({ dbPath: temporaryFile(), ...options })
  onTestFinished(() => manager.close())
  return manager
}
