// A store of another package beside the package's own, for the specs of the handle.
import { OutputStore, SessionStore, type Database } from '../../index.js'
import { openConnection, openStores, temporaryPath } from '../support/support.js'

/** A store as another package has it, typed as it was for better-sqlite3. */
export class NoteStore {
  readonly #save: Database.Statement<[{ id: string; text: string }]>
  readonly #texts: Database.Statement<[], string>

  constructor(readonly db: Database.Database) {
    db.exec('CREATE TABLE IF NOT EXISTS notes (id TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT')
    this.#save = db.prepare('INSERT INTO notes VALUES (@id, @text)')
    this.#texts = db.prepare<[], string>('SELECT text FROM notes ORDER BY id').pluck()
  }

  save(id: string, text: string): Database.RunResult {
    return this.#save.run({ id, text })
  }

  texts(): string[] {
    return this.#texts.all()
  }
}

/** Everything on one file, and a second connection that sees what is committed. */
export function openAll() {
  const path = temporaryPath()
  const stores = openStores(path)
  const { db } = stores.connection
  const notes = new NoteStore(db)
  const witness = openConnection(path, { timeout: 0 })
  const witnessed = {
    sessions: new SessionStore(witness),
    outputs: new OutputStore(witness),
    notes: new NoteStore(witness.db),
  }
  return {
    ...stores,
    db,
    notes,
    witness,
    seen: () => ({
      sessions: stores.sessions.list().map(({ id }) => id),
      output: stores.outputs.getFullOutput('s-1'),
      notes: notes.texts(),
    }),
    committed: () => ({
      sessions: witnessed.sessions.list().map(({ id }) => id),
      output: witnessed.outputs.getFullOutput('s-1'),
      notes: witnessed.notes.texts(),
    }),
  }
}

/** Makes SQLite refuse every output with this text. */
export function refuseOutput(db: Database, text: string, action = 'ABORT'): void {
  db.exec(`
    CREATE TEMP TRIGGER refuse_${text} BEFORE INSERT ON session_outputs WHEN new.data = '${text}'
    BEGIN SELECT RAISE(${action}, 'refused'); END`)
}
