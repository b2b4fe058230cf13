// Numbers that look random, and are the same for the same seed.

/**
 * A generator of its own for every seed.
 *
 * @param {number} seed
 */
export function randomOf(seed) {
  let state = Math.imul(seed + 1, 0x9e37_79b1) >>> 0
  const next = () => {
    state = (state + 0x6d2b_79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  const below = (limit) => next() % Math.max(1, limit)
  return {
    /** An integer from 0 to below `limit`. */
    below,
    /** One of `values`. */
    pick: (values) => values[below(values.length)],
    /** Whether one in `times` comes up. */
    oneIn: (times) => below(times) === 0,
    /** So many bytes. */
    bytes: (length) => Buffer.from(Array.from({ length }, () => next() & 0xff)),
  }
}
