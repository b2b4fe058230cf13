// The oracle: whether what a file holds is what the journals allow.
//
// Every writer has sessions of its own, and its operations have an order. So the file must hold what its first k
// operations make, for some k: at least as many as are committed, at most as many as were begun. From this one rule
// follows that nothing acknowledged is missing, that nothing is there twice, in half or out of order, and that
// write-behind loses only the end.

import { Failure } from './failure.mjs'
import { NOTHING, sameState } from './history.mjs'

/**
 * Judges the states `stored` after the histories, which began with the states `base`. Gives the states that hold now,
 * and how many operations of each history are in the file.
 */
export function judge(base, histories, stored) {
  const states = new Map(base)
  const ends = histories.map((history) => {
    const end = endOf(history, base, stored)
    for (const { changes } of history.operations.slice(0, end)) {
      for (const { stream, state } of changes) states.set(stream, state)
    }
    return end
  })
  for (const [stream, state] of states) expectState(stream, state, stored.get(stream))
  for (const [stream, state] of stored) expectState(stream, states.get(stream), state)
  return { states, ends }
}

function expectState(stream, expected = NOTHING, found = NOTHING) {
  if (!sameState(expected, found)) {
    throw new Failure(`s-${stream}: ${describe(found)} instead of ${describe(expected)}`)
  }
}

function describe({ version, first, next }) {
  const row = version < 0 ? 'no session' : `a session updated ${version} times`
  return `${row}, ${next > first ? `outputs ${first} to ${next - 1}` : 'no output'}`
}

/** How many operations are in the file. */
function endOf({ role, life, operations, committed }, base, stored) {
  const wrong = new Map()
  const apply = ({ changes }) => {
    for (const { stream, state } of changes) {
      if (sameState(state, stored.get(stream) ?? NOTHING)) wrong.delete(stream)
      else wrong.set(stream, state)
    }
  }
  // Operations that began later must not be in the file yet.
  for (const { stream } of operations.flatMap(({ changes }) => changes)) {
    apply({ changes: [{ stream, state: base.get(stream) ?? NOTHING }] })
  }
  for (const operation of operations.slice(0, committed)) apply(operation)
  const least = [...wrong].map(
    ([stream, state]) =>
      `s-${stream}: ${describe(stored.get(stream) ?? NOTHING)}; committed: ${describe(state)}`,
  )
  for (let end = committed; ; end++) {
    if (wrong.size === 0) return end
    if (end === operations.length) break
    apply(operations[end])
  }
  const begun = operations.length - committed
  throw new Failure(
    `${role} (life ${life}): the file holds no state that its operations made ` +
      `(${committed} committed, ${begun} more begun)\n  ${least.slice(0, 5).join('\n  ')}`,
  )
}
