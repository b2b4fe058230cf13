'use strict'
// `Terminal`: what a person sees of output, as it comes.

const { optionsOf, requireObject } = require('./arguments.js')
const { native: tables, RealDate } = require('./rows.js')

const native = tables.terminal

/** The screen that the addon gives as JSON. */
function screenOf(json) {
  const screen = JSON.parse(json)
  const lines = screen.lines.map((runs) => ({ text: runs.map(({ text }) => text).join(''), runs }))
  return {
    ...screen,
    text: lines
      .map(({ text }) => text.trimEnd())
      .join('\n')
      .trimEnd(),
    lines,
  }
}

/** Lines from an array with the text, number, cursor and time of each. */
function linesOf(flat) {
  const lines = []
  for (let i = 0; i < flat.length; i += 4) {
    const timestamp = new RealDate(flat[i + 3])
    lines.push({ text: flat[i], number: flat[i + 1], cursor: flat[i + 2], timestamp })
  }
  return lines
}

/** Commands from an array with seven elements for each. */
function commandsOf(flat) {
  const commands = []
  for (let i = 0; i < flat.length; i += 7) {
    const [text, number, from, startedAt, to, endedAt, exitCode] = flat.slice(i, i + 7)
    const isOver = to >= 0
    commands.push({
      number,
      text,
      startedAt: new RealDate(startedAt),
      endedAt: isOver ? new RealDate(endedAt) : undefined,
      exitCode: Number.isNaN(exitCode) ? undefined : exitCode,
      from,
      to: isOver ? to : undefined,
    })
  }
  return commands
}

class Terminal {
  #native

  constructor(options) {
    const o = optionsOf('Terminal', options, ['columns', 'rows', 'terminal', 'colors'])
    this.#native = native.open(o.columns, o.rows, o.terminal, o.colors)
  }

  write(data, options) {
    const { cursor, timestamp } = optionsOf('Terminal.write', options, ['cursor', 'timestamp'])
    const lines = []
    native.write(this.#native, data, cursor, timestamp, lines)
    return linesOf(lines)
  }

  resize(size) {
    requireObject('Terminal.resize', 'size', size)
    native.resize(this.#native, size.columns, size.rows)
  }

  end() {
    const lines = []
    native.end(this.#native, lines)
    return linesOf(lines)
  }

  screen() {
    return screenOf(native.screen(this.#native))
  }
}

module.exports = { Terminal, commandsOf, screenOf }
