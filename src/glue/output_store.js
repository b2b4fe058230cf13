// `OutputStore`, over the functions of `native`: see `session_store.js`.
'use strict'
;(function (
  native,
  checks,
  { beginOutputs, beginChunks, beginMatches, finish, notes },
  { follow, requireSignal },
) {
  const { requireObject, requireArray, optionsOf } = checks

  // Fields of many chunks that are handed over at a time.
  const GATHERED = 4 * 4096

  // Chunks that a follower reads at a time.
  const FOLLOWED = 256

  // Between two steps nothing is held, so that anybody may write, and leave.
  function* chunksOf(walk, sessionId) {
    for (;;) {
      beginChunks(sessionId)
      const chunks = finish(native.step(walk))
      if (chunks.length === 0) return
      yield* chunks
    }
  }

  const STOPS = [null, 'limit', 'timeLimit']

  function pageOf(search) {
    beginMatches()
    const matches = finish(native.page(search))
    const stoppedBy = STOPS[notes[0]]
    return { matches, complete: stoppedBy === null, stoppedBy, next: () => pageOf(search) }
  }

  return class OutputStore {
    #native

    constructor(db, options) {
      const { writeBehind } = optionsOf('OutputStore', options)
      this.#native = native.open(db, writeBehind)
    }

    append(output) {
      requireObject('OutputStore.append', 'output', output)
      native.append(this.#native, output.sessionId, output.timestamp, output.type, output.data)
    }

    appendMany(outputs) {
      requireArray('OutputStore.appendMany', 'outputs', outputs)
      const { length } = outputs
      let fields = []
      let gathered
      for (let i = 0; i < length; i++) {
        const output = outputs[i]
        requireObject('OutputStore.appendMany', 'outputs', output, i)
        fields.push(output.sessionId, output.timestamp, output.type, output.data)
        if (fields.length >= GATHERED) {
          gathered = native.gather(fields, gathered)
          fields = []
        }
      }
      native.appendMany(this.#native, gathered, fields)
    }

    getBySession(sessionId, limit) {
      beginOutputs(sessionId)
      return finish(native.newest(this.#native, sessionId, limit))
    }

    getBySessionSince(sessionId, since) {
      beginOutputs(sessionId)
      return finish(native.since(this.#native, sessionId, since))
    }

    getFullOutput(sessionId, options) {
      const { separator } = optionsOf('OutputStore.getFullOutput', options)
      return native.full(this.#native, sessionId, separator)
    }

    read(sessionId, options) {
      const { after, limit } = optionsOf('OutputStore.read', options)
      beginChunks(sessionId)
      const outputs = finish(native.read(this.#native, sessionId, after, limit))
      return { outputs, cursor: notes[0], more: notes[1] === 1, gap: notes[2] === 1 }
    }

    tail(sessionId, options) {
      const { lines, chunks } = optionsOf('OutputStore.tail', options)
      beginChunks(sessionId)
      const outputs = finish(native.tail(this.#native, sessionId, lines, chunks)).reverse()
      return { outputs, cursor: notes[0] }
    }

    iterate(sessionId) {
      return chunksOf(native.walk(this.#native, sessionId), sessionId)
    }

    follow(sessionId, options) {
      const { after, signal } = optionsOf('OutputStore.follow', options)
      const abort = requireSignal('OutputStore.follow', signal)
      const store = this.#native
      const from = native.followFrom(store, sessionId, after)
      const read = (cursor) => this.read(sessionId, { after: cursor, limit: FOLLOWED })
      return follow(store, read, () => native.state(store, sessionId), from, abort)
    }

    search(pattern, options) {
      const o = optionsOf('OutputStore.search', options)
      const { sessionId, regex, caseSensitive, since, until, limit, context, timeLimit } = o
      return pageOf(
        native.search(
          this.#native,
          pattern,
          sessionId,
          regex,
          caseSensitive,
          since,
          until,
          limit,
          context,
          timeLimit,
        ),
      )
    }

    exportTo(sessionId, file, options) {
      return native.exportTo(this.#native, sessionId, file, options)
    }

    flush() {
      native.flush(this.#native)
    }

    deleteBySession(sessionId) {
      native.delete(this.#native, sessionId)
    }
  }
})
//# sourceURL=@gsd/session-store/output_store.js
