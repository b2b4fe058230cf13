// Playing a session: its screen is drawn, whatever it printed, so that it does nothing to the terminal.

import { Terminal } from '@gsd/session-store'
import { visible } from './output.mjs'

/** The shortest time between two pictures, in milliseconds. */
const FRAME = 16

/** How much a key changes the speed. */
const FASTER = 1.5

const SGR = {
  bold: 1,
  dim: 2,
  italic: 3,
  underline: 4,
  inverse: 7,
  hidden: 8,
  strikethrough: 9,
}

/** The parameters of a colour: of the palette, or of red, green and blue. */
function colour(value, base) {
  if (value === undefined) return []
  if (typeof value === 'number') return [base, 5, value]
  const digits = /^#?([\da-f]{2})([\da-f]{2})([\da-f]{2})$/i.exec(value)
  return digits ? [base, 2, ...digits.slice(1).map((part) => Number.parseInt(part, 16))] : []
}

/** A run of text in its style. */
function drawn(run) {
  const flags = Object.entries(SGR).filter(([name]) => run[name])
  const parameters = [
    ...flags.map(([, number]) => number),
    ...colour(run.foreground, 38),
    ...colour(run.background, 48),
  ]
  const text = visible(run.text)
  return parameters.length === 0 ? text : `\u001b[${parameters.join(';')}m${text}\u001b[m`
}

/** What ends a process. The terminal is given back before. */
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** Plays one session. */
export class Player {
  #terminal
  #sizes
  #speed
  #idle
  #rows = []
  #wake
  #isPaused = false
  #isOver = false
  #steps = 0

  constructor(session, sizes, { speed, idleLimit }) {
    const [{ columns, rows }] = sizes
    this.#terminal = new Terminal({ columns, rows, terminal: session?.terminal })
    this.#sizes = sizes.slice(1)
    this.#speed = speed
    this.#idle = idleLimit === undefined ? Infinity : idleLimit * 1000
  }

  /** Plays chunks to their end, or until somebody ends it. */
  async play(chunks) {
    const { stdin, stdout } = process
    const onKey = (key) => this.#press(String(key))
    const hasKeys = stdin.isTTY
    if (hasKeys) {
      stdin.setRawMode(true)
      stdin.on('data', onKey).resume()
    }
    let endedBy
    const end = (signal) => {
      endedBy = signal
      this.#isOver = true
      this.#wake?.()
    }
    for (const signal of ENDING) process.once(signal, end)
    // A screen of its own, without a cursor.
    stdout.write('\u001b[?1049h\u001b[?25l\u001b[2J')
    try {
      let before
      let waited = 0
      for (const { data, cursor, timestamp } of chunks) {
        const pause = before === undefined ? 0 : Math.max(0, timestamp - before)
        before = timestamp
        waited += Math.min(pause, this.#idle) / this.#speed
        if (waited >= FRAME || this.#isPaused) {
          this.#draw()
          await this.#wait(waited)
          waited = 0
        }
        if (this.#isOver) return
        while (this.#sizes.length > 0 && this.#sizes[0].after < cursor) {
          this.#terminal.resize(this.#sizes.shift())
        }
        this.#terminal.write(data)
      }
      this.#draw()
      await this.#wait(hasKeys ? 500 : 0)
    } finally {
      const last = this.#terminal.screen().text
      stdout.write(`\u001b[?25h\u001b[?1049l${last === '' ? '' : `${visible(last)}\n`}`)
      if (hasKeys) {
        stdin.off('data', onKey).pause()
        stdin.setRawMode(false)
      }
      for (const signal of ENDING) process.off(signal, end)
    }
    if (endedBy !== undefined) process.kill(process.pid, endedBy)
  }

  #press(key) {
    if (key === 'q' || key === '\u0003') this.#isOver = true
    else if (key === ' ') this.#isPaused = !this.#isPaused
    else if (key === '.' && this.#isPaused) this.#steps++
    else if (key === '+') this.#speed *= FASTER
    else if (key === '-') this.#speed /= FASTER
    else return
    this.#wake?.()
  }

  /** Waits so long, and while it pauses. */
  async #wait(milliseconds) {
    const end = performance.now() + milliseconds
    for (;;) {
      if (this.#isOver) return
      if (this.#steps > 0) {
        this.#steps--
        return
      }
      const left = end - performance.now()
      if (left <= 0 && !this.#isPaused) return
      await new Promise((done) => {
        this.#wake = done
        if (!this.#isPaused) setTimeout(done, left)
      })
    }
  }

  /** Draws the rows that have changed, as far as this terminal has room for them. */
  #draw() {
    const { rows } = process.stdout
    const { lines } = this.#terminal.screen()
    let picture = ''
    for (const [at, { runs }] of lines.slice(0, rows).entries()) {
      const row = runs.map(drawn).join('')
      if (this.#rows[at] === row) continue
      this.#rows[at] = row
      picture += `\u001b[${at + 1};1H\u001b[2K${row}`
    }
    // What is too wide is cut, not wrapped.
    if (picture !== '') process.stdout.write(`\u001b[?7l${picture}\u001b[?7h`)
    this.#rows.length = Math.min(lines.length, rows)
  }
}
