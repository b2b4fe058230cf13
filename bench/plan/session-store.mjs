const COLUMNS = 'id, slot, status, working_dir, current_command, started_at, ended_at, pid'
const NEWEST_FIRST = 'ORDER BY started_at DESC, rowid DESC'

function toSession(row) {
  return {
    id: row.id,
    slot: row.slot,
    status: row.status,
    workingDir: row.working_dir,
    currentCommand: row.current_command ?? undefined,
    startedAt: new Date(row.started_at),
    endedAt: row.ended_at === null ? undefined : new Date(row.ended_at),
    pid: row.pid ?? undefined,
  }
}

/** The plan's `SessionStore`: statements are prepared once, except the one of `update`. */
export class SessionStore {
  #db
  #insert
  #get
  #delete
  #deleteOutputs
  #list
  #listByStatus
  #findRunning
  #deleteBoth

  constructor(db) {
    this.#db = db
    this.#insert = db.prepare(`INSERT INTO sessions (${COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`)
    this.#get = db.prepare(`SELECT ${COLUMNS} FROM sessions WHERE id = ?`)
    this.#delete = db.prepare('DELETE FROM sessions WHERE id = ?')
    this.#deleteOutputs = db.prepare('DELETE FROM session_outputs WHERE session_id = ?')
    this.#list = db.prepare(`SELECT ${COLUMNS} FROM sessions ${NEWEST_FIRST}`)
    this.#listByStatus = db.prepare(
      `SELECT ${COLUMNS} FROM sessions WHERE status = ? ${NEWEST_FIRST}`,
    )
    this.#findRunning = db.prepare(
      `SELECT ${COLUMNS} FROM sessions
       WHERE status IN ('running', 'waiting_checkpoint') ${NEWEST_FIRST}`,
    )
    this.#deleteBoth = db.transaction((id) => {
      this.#deleteOutputs.run(id)
      this.#delete.run(id)
    })
  }

  create(session) {
    this.#insert.run(
      session.id,
      session.slot,
      session.status,
      session.workingDir,
      session.currentCommand ?? null,
      session.startedAt.toISOString(),
      session.endedAt?.toISOString() ?? null,
      session.pid ?? null,
    )
  }

  get(id) {
    const row = this.#get.get(id)
    return row === undefined ? undefined : toSession(row)
  }

  update(id, fields) {
    const assignments = []
    const values = []
    if (fields.status !== undefined) {
      assignments.push('status = ?')
      values.push(fields.status)
    }
    if (fields.currentCommand !== undefined) {
      assignments.push('current_command = ?')
      values.push(fields.currentCommand)
    }
    if (fields.endedAt !== undefined) {
      assignments.push('ended_at = ?')
      values.push(fields.endedAt?.toISOString() ?? null)
    }
    if (fields.pid !== undefined) {
      assignments.push('pid = ?')
      values.push(fields.pid)
    }
    if (assignments.length === 0) return
    this.#db
      .prepare(`UPDATE sessions SET ${assignments.join(', ')} WHERE id = ?`)
      .run(...values, id)
  }

  delete(id) {
    this.#deleteBoth(id)
  }

  list() {
    return this.#list.all().map(toSession)
  }

  listByStatus(status) {
    return this.#listByStatus.all(status).map(toSession)
  }

  findRunning() {
    return this.#findRunning.all().map(toSession)
  }
}
