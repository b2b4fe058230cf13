// `OutputStore`, over the functions of `native`: see `session_store.js`.
'use strict'
;(function (native, checks, { beginOutputs, finish }) {
  const { requireObject, requireArray, optionsOf } = checks

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
      const fields = []
      for (let i = 0; i < length; i++) {
        const output = outputs[i]
        requireObject('OutputStore.appendMany', 'outputs', output, i)
        fields.push(output.sessionId, output.timestamp, output.type, output.data)
      }
      native.appendMany(this.#native, fields)
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

    flush() {
      native.flush(this.#native)
    }

    deleteBySession(sessionId) {
      native.delete(this.#native, sessionId)
    }
  }
})
