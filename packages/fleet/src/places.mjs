// Where reading a session goes on, so that blocks take the place of those that were not full.

/** The place from which a session without a known state goes on: nothing is known there of what a terminal shows. */
export const blind = (after) => ({
  after,
  state: undefined,
  isBlind: true,
  outputs: 0,
  bytes: 0,
  sent: undefined,
})

/** How much is in blocks. */
export function amountOf(blocks) {
  const sum = (name) => blocks.reduce((all, block) => all + block[name], 0)
  return { outputs: sum('outputs'), bytes: sum('bytes') }
}

/** Where to go on with a session, by what the cluster has of it. */
export async function placeOf(cluster, { store, column, started, position }) {
  if (position === 0) return { ...blind(undefined), isBlind: false }
  const { schema } = cluster
  const of = [started, store, column]
  const where = 'started = $1 AND store = $2 AND session = $3'
  const [found] = await cluster.query(
    `SELECT first, state, (SELECT max(first) FROM ${schema}.blocks WHERE ${where}) AS sent,
(SELECT sum(outputs) FROM ${schema}.blocks b WHERE ${where} AND b.first >= f.first) AS outputs,
(SELECT sum(bytes) FROM ${schema}.blocks b WHERE ${where} AND b.first >= f.first) AS bytes
FROM ${schema}.blocks f WHERE ${where} AND first >= (SELECT coalesce(max(stale), 0) FROM ${schema}.sessions WHERE ${where})
AND (state IS NOT NULL OR lines = 0) ORDER BY first DESC LIMIT 1`,
    of,
  )
  if (found === undefined) return blind(position)
  const [outputs, bytes] = [found.outputs, found.bytes].map(Number)
  const { first, sent } = found
  return {
    after: first - 1,
    state: found.state ?? undefined,
    isBlind: false,
    outputs,
    bytes,
    sent,
  }
}
