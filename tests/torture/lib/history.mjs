// What a writer did, from its journal: the operations in their order, and what each makes of its sessions.

/**
 * What the file holds of a session: the version of its row, -1 where there is none, and its outputs from `first`
 * up to, without, `next`.
 */
export const NOTHING = Object.freeze({ version: -1, first: 0, next: 0 })

/** Whether the file would look the same. */
export function sameState(a, b) {
  if (a.version !== b.version) return false
  const isEmpty = a.first === a.next
  return isEmpty ? b.first === b.next : a.first === b.first && a.next === b.next
}

const EFFECTS = {
  create: (state) => ({ ...state, version: 0 }),
  update: (state) => ({ ...state, version: state.version + 1 }),
  delete: (state) => ({ version: -1, first: state.next, next: state.next }),
  'delete-session': (state) => ({ ...state, version: -1 }),
  'delete-outputs': (state) => ({ ...state, first: state.next }),
  append: (state) => ({ ...state, next: state.next + 1 }),
  queue: (state) => ({ ...state, next: state.next + 1 }),
  'append-many': (state, rounds) => ({ ...state, next: state.next + Number(rounds) }),
  flush: undefined,
  close: undefined,
}

/**
 * The operations of a writer, begun from `base`, the states of all sessions before the cycle. `committed` is how
 * many of them must be in the file: all that came before an acknowledged one, unless that was only queued.
 */
export function historyOf(journal, base) {
  const operations = []
  const latest = new Map()
  let committed = 0
  for (const [time, word, kind, ...parts] of journal) {
    if (word === 'done') {
      const operation = operations.at(-1)
      operation.done = Number(time)
      if (operation.kind !== 'queue') committed = operations.length
      continue
    }
    if (word !== 'begin') continue
    const effect = EFFECTS[kind]
    const changes = effect ? parts.map((part) => changeOf(part, effect, latest, base)) : []
    for (const { stream, state } of changes) latest.set(stream, state)
    operations.push({ kind, begun: Number(time), done: undefined, changes })
  }
  return { operations, committed }
}

function changeOf(part, effect, latest, base) {
  const [number, rounds] = part.split(':')
  const stream = Number(number)
  return { stream, state: effect(latest.get(stream) ?? base.get(stream) ?? NOTHING, rounds) }
}
