// The sizes that the terminal of a session had, and from where on they are others.

/** The sizes of a terminal, from the first one on. */
export const sizesOf = ({ sizes, columns, rows, terminal }) => ({
  terminal: terminal ?? null,
  all: sizes.length > 0 ? sizes : [{ after: 0, columns: columns ?? null, rows: rows ?? null }],
})

/** Up to which chunk that was sent a terminal is another one than it was: 0 if it is the same. */
export function staleUpTo(seen, now, position) {
  if (seen === undefined || position === 0) return 0
  const at = now.all.findIndex(
    ({ after, columns, rows }, i) =>
      after !== seen.all[i]?.after || columns !== seen.all[i].columns || rows !== seen.all[i].rows,
  )
  const isLonger = at === -1 && seen.all.length > now.all.length
  const from = seen.terminal === now.terminal && at > 0 ? now.all[at].after : 0
  const isSame = seen.terminal === now.terminal && at === -1 && !isLonger
  return isSame || from >= position ? 0 : position + 1
}
