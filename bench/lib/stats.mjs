/** The value below which the part `p` of sorted numbers lies. */
export function percentile(sorted, p) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))]
}

/** The middle of some numbers. */
export function median(numbers) {
  const sorted = Float64Array.from(numbers).toSorted()
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Mean, percentiles and maximum of single durations. */
export function distribution(durations) {
  const sorted = Float64Array.from(durations).toSorted()
  return {
    mean: sorted.reduce((sum, duration) => sum + duration, 0) / sorted.length,
    p50: percentile(sorted, 0.5),
    p99: percentile(sorted, 0.99),
    p999: percentile(sorted, 0.999),
    max: sorted.at(-1),
  }
}

/**
 * How two sides compare: the ratio of their medians over the rounds, and the least and the greatest
 * ratio within one round.
 */
export function compare(ours, theirs) {
  const perRound = ours.map((value, round) => value / theirs[round])
  return {
    ratio: median(ours) / median(theirs),
    low: Math.min(...perRound),
    high: Math.max(...perRound),
  }
}
