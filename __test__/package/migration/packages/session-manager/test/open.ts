import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Session } from '@gsd/core'
import { HarnessDatabase, NoteStore, OutputStore, SessionStore } from '../src/index.js'

export function open() {
  const folder = mkdtempSync(join(tmpdir(), 'harness-'))
  const connection = new HarnessDatabase(join(folder, 'new', 'harness.db'))
  onTestFinished(() => {
    connection.close()
    rmSync(folder, { recursive: true })
  })
  return {
    connection,
    sessions: new SessionStore(connection.db),
    outputs: new OutputStore(connection.db),
    notes: new NoteStore(connection.db),
  }
}

export function session(fields: Partial<Session> = {}): Session {
  return {
    id: 'a',
    slot: 4,
    status: 'running',
    workingDir: '/srv/app',
    startedAt: new Date('2026-03-01T10:00:00.000Z'),
    ...fields,
  }
}
