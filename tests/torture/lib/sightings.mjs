// What readers saw, held against what writers said: at every moment a reader may see a state no older than the
// latest one that was acknowledged before the read began, and no newer than the latest one that was begun before it
// was over. And what a reader saw is committed, so a kill must not take it back.

import { Failure } from './failure.mjs'
import { NOTHING } from './history.mjs'

/** The states of all sessions with the times from which they may, and must, be seen. */
export function timelinesOf(base, histories, ends) {
  const timelines = new Map()
  const steps = (stream) => {
    if (!timelines.has(stream)) {
      const state = base.get(stream) ?? NOTHING
      timelines.set(stream, [{ state, may: -Infinity, must: -Infinity, kept: true }])
    }
    return timelines.get(stream)
  }
  for (const stream of base.keys()) steps(stream)
  histories.forEach(({ operations }, index) => {
    const must = committedAt(operations)
    operations.forEach(({ begun, changes }, position) => {
      for (const { stream, state } of changes) {
        steps(stream).push({
          state,
          may: begun,
          must: must[position],
          kept: position < ends[index],
        })
      }
    })
  })
  return timelines
}

/** When each operation was known to be committed: with itself, or with one that came after it. */
function committedAt(operations) {
  let known = Infinity
  return operations
    .toReversed()
    .map(({ kind, done }) => {
      if (kind !== 'queue' && done !== undefined) known = done
      return known
    })
    .toReversed()
}

/** Checks everything that a reader recorded. Gives the number of states that it saw. */
export function checkSightings(journal, timelines) {
  let count = 0
  for (const [from, word, to, kind, ...details] of journal) {
    if (word !== 'saw') continue
    const read = { kind, from: Number(from), to: Number(to) }
    for (const [stream, seen, matches] of sightingsOf(kind, details, timelines)) {
      checkSighting(timelines.get(stream), stream, read, seen, matches)
      count++
    }
  }
  return count
}

function* sightingsOf(kind, details, timelines) {
  if (kind === 'sessions') {
    const versions = new Map(
      details[0]
        .split(',')
        .filter(Boolean)
        .map((pair) => pair.split(':').map(Number)),
    )
    // A session that is missing in the list was seen as deleted, or as not created yet.
    for (const stream of new Set([...versions.keys(), ...timelines.keys()])) {
      const version = versions.get(stream) ?? -1
      yield [stream, `version ${version}`, (state) => state.version === version]
    }
    return
  }
  const [stream, first, next] = details.map(Number)
  if (details[1] === 'none') {
    yield [stream, 'no output', (state) => state.first === state.next]
    return
  }
  // A read of the newest chunks need not begin with the first one.
  const begins = (state) => (kind === 'newest' ? state.first <= first : state.first === first)
  yield [stream, `outputs ${first} to ${next - 1}`, (state) => begins(state) && state.next === next]
}

function checkSighting(steps, stream, { kind, from, to }, seen, matches) {
  const fault = (what) => new Failure(`a reader (${kind}) saw ${seen} of s-${stream}, ${what}`)
  if (!steps) throw fault('which nobody wrote')
  const newest = steps.findLastIndex(({ may }) => may <= to)
  const oldest = steps.findLastIndex(({ must }) => must <= from)
  const found = steps.findIndex(
    ({ state }, index) => index >= oldest && index <= newest && matches(state),
  )
  if (found < 0) {
    const state = JSON.stringify(steps[oldest].state)
    throw fault(`which was either not written yet or past: ${state} was committed before`)
  }
  if (!steps[found].kept) throw fault('which is gone after the kill')
}
