const COLUMNS = 'session_id, timestamp, type, data'

function toOutput(row) {
  return {
    sessionId: row.session_id,
    timestamp: new Date(row.timestamp),
    type: row.type,
    data: row.data,
  }
}

/** The plan's `OutputStore`, with the transaction that a user would wrap around many appends. */
export class OutputStore {
  #insert
  #newest
  #newestLimited
  #since
  #full
  #delete
  #insertMany

  constructor(db) {
    const select = `SELECT ${COLUMNS} FROM session_outputs WHERE session_id = ?`
    this.#insert = db.prepare(`INSERT INTO session_outputs (${COLUMNS}) VALUES (?, ?, ?, ?)`)
    this.#newest = db.prepare(`${select} ORDER BY timestamp DESC, id DESC`)
    this.#newestLimited = db.prepare(`${select} ORDER BY timestamp DESC, id DESC LIMIT ?`)
    this.#since = db.prepare(`${select} AND timestamp > ? ORDER BY timestamp, id`)
    this.#full = db.prepare(
      'SELECT data FROM session_outputs WHERE session_id = ? ORDER BY timestamp, id',
    )
    this.#delete = db.prepare('DELETE FROM session_outputs WHERE session_id = ?')
    this.#insertMany = db.transaction((outputs) => {
      for (const output of outputs) this.append(output)
    })
  }

  append(output) {
    this.#insert.run(output.sessionId, output.timestamp.toISOString(), output.type, output.data)
  }

  appendMany(outputs) {
    this.#insertMany(outputs)
  }

  getBySession(sessionId, limit) {
    const rows =
      limit === undefined ? this.#newest.all(sessionId) : this.#newestLimited.all(sessionId, limit)
    return rows.map(toOutput)
  }

  getBySessionSince(sessionId, since) {
    return this.#since.all(sessionId, since.toISOString()).map(toOutput)
  }

  getFullOutput(sessionId) {
    return this.#full
      .all(sessionId)
      .map((row) => row.data)
      .join('\n')
  }

  deleteBySession(sessionId) {
    this.#delete.run(sessionId)
  }
}
