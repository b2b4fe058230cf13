// Seeded randomness: mulberry32, small and well distributed.

/** A generator that gives the same numbers for the same seeds. */
export class Random {
  #state

  constructor(...seeds) {
    this.#state = hash(...seeds)
  }

  /** A number in [0, 1). */
  next() {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A number in [low, high). */
  between(low, high) {
    return low + this.next() * (high - low)
  }

  /** An integer in [low, high]. */
  integer(low, high) {
    return Math.floor(this.between(low, high + 1))
  }

  /** `true` with this probability. */
  chance(probability) {
    return this.next() < probability
  }

  /** One of the items. */
  pick(items) {
    return items[this.integer(0, items.length - 1)]
  }

  /** Some of the items, each with this probability, and at least one. */
  some(items, probability) {
    const kept = items.filter(() => this.chance(probability))
    return kept.length > 0 ? kept : [this.pick(items)]
  }
}

/** 32 bits that depend on every bit of every integer. */
export function hash(...integers) {
  let mixed = 0x9e3779b9
  for (const integer of integers) {
    mixed = Math.imul(mixed ^ integer, 0x85ebca6b)
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
    mixed ^= mixed >>> 16
  }
  return mixed >>> 0
}
