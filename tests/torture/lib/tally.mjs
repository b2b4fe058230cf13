// What a run has done, for its summary.

/** Counters. */
export class Tally {
  cycles = 0
  kills = 0
  closes = 0
  copies = 0
  rows = 0
  sightings = 0
  slowest = 0
  whole = 0
  absent = 0
  lostRows = 0
  largestLoss = { alone: undefined, crowded: undefined }
  #acknowledged = new Map()
  #start = performance.now()

  /** Counts the operations of the histories, of which `ends[i]` are in the file. */
  count(histories, ends) {
    histories.forEach(({ operations }, index) => {
      for (const { kind, done } of operations) {
        if (done === undefined) continue
        this.#acknowledged.set(kind, (this.#acknowledged.get(kind) ?? 0) + 1)
      }
      const last = operations.at(-1)
      if (!last || last.done !== undefined || last.changes.length === 0) return
      if (last.kind === 'queue') return
      if (ends[index] === operations.length) this.whole++
      else this.absent++
    })
  }

  /** Takes note of what write-behind lost, with the file to itself or not. */
  lost(losses, alone) {
    const kind = alone ? 'alone' : 'crowded'
    for (const loss of losses) {
      this.lostRows += loss.rows
      const largest = this.largestLoss[kind]
      if (!largest || loss.milliseconds > largest.milliseconds) this.largestLoss[kind] = loss
    }
  }

  /** The summary, as a table. */
  summary() {
    const seconds = (performance.now() - this.#start) / 1000
    const rows = [
      ['cycles', this.cycles],
      ['processes killed', this.kills],
      ['processes closed', this.closes],
      ['copies of frozen files', this.copies],
      ...[...this.#acknowledged].toSorted().map(([kind, n]) => [`acknowledged: ${kind}`, n]),
      ['in flight, found whole', this.whole],
      ['in flight, found absent', this.absent],
      ['rows verified', this.rows],
      ['states seen by readers', this.sightings],
      ['slowest commit', milliseconds(this.slowest)],
      ['write-behind: chunks lost', this.lostRows],
      ['write-behind: largest loss, alone', describeLoss(this.largestLoss.alone)],
      ['write-behind: largest loss, crowded', describeLoss(this.largestLoss.crowded)],
      ['seconds', `${seconds.toFixed(1)} (${(seconds / this.cycles).toFixed(2)} a cycle)`],
    ]
    const width = Math.max(...rows.map(([name]) => name.length))
    return rows
      .map(([name, value]) => `  ${name.padEnd(width)}  ${value.toLocaleString('en')}`)
      .join('\n')
  }
}

function milliseconds(value) {
  return `${value.toFixed(1)} ms`
}

function describeLoss(loss) {
  return loss ? `${milliseconds(loss.milliseconds)} (maxDelay ${loss.maxDelay} ms)` : 'none'
}
