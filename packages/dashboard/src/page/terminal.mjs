// What a session printed, in a terminal of its own size: from the end, backwards as one scrolls, and live.

import { Terminal } from '../vendor/xterm.mjs'
import { events, get } from './api.mjs'
import { tell } from './dom.mjs'

/** Lines that are kept above the screen. */
const SCROLLBACK = 50_000

/** Characters that the terminal is given before it is asked whether it has drawn them. */
const AT_ONCE = 128 << 10

/** Characters that wait to be drawn at most: nobody reads so fast. Then only the end is shown. */
const WAITING = 2 << 20

/** Characters that are kept, to be drawn again below older output. */
const KEPT = 8 << 20

const SIZE = { columns: 80, rows: 24 }

const THEME = { background: '#0d1117', foreground: '#e6edf3', cursor: '#0d1117' }

const lengthOf = (chunks) => chunks.reduce((sum, [, , , data]) => sum + data.length, 0)

/** A terminal in an element. */
export class Screen {
  #terminal
  #id
  #signal
  #chunks = []
  #kept = 0
  #hasOlder = false
  #isLoading = false
  #waiting = []
  #waits = 0
  #drawing
  #source
  #onOver

  constructor(place, session, { signal }) {
    this.#id = session.id
    this.#signal = signal
    const size = session.sizes?.at(-1) ?? {}
    this.#terminal = new Terminal({
      cols: size.columns ?? session.columns ?? SIZE.columns,
      rows: size.rows ?? session.rows ?? SIZE.rows,
      convertEol: session.terminal !== true,
      scrollback: SCROLLBACK,
      disableStdin: true,
      fontSize: 13,
      theme: THEME,
      screenReaderMode: true,
      linkHandler: null,
    })
    this.#terminal.open(place)
    this.#terminal.attachCustomKeyEventHandler((event) => this.#onKey(event))
    this.#terminal.onScroll((row) => row === 0 && this.#older())
    place.addEventListener('wheel', (event) => {
      if (event.deltaY < 0 && this.#terminal.buffer.active.viewportY === 0) this.#older()
    })
    signal.addEventListener('abort', () => {
      this.#source?.close()
      this.#terminal.dispose()
    })
  }

  /** Goes by the keys that scroll elsewhere. All others are those of the page. */
  #onKey(event) {
    const goes = {
      Home: () => this.#terminal.scrollToTop(),
      End: () => this.#terminal.scrollToBottom(),
      PageUp: () => this.#terminal.scrollPages(-1),
      PageDown: () => this.#terminal.scrollPages(1),
      ArrowUp: () => this.#terminal.scrollLines(-1),
      ArrowDown: () => this.#terminal.scrollLines(1),
    }[event.key]
    if (goes === undefined || event.ctrlKey || event.altKey || event.metaKey) return true
    if (event.type === 'keydown') {
      goes()
      if (this.#terminal.buffer.active.viewportY === 0) this.#older()
    }
    event.preventDefault()
    return false
  }

  /** Has chunks drawn, behind those that wait. Resolves once nothing waits. */
  #draw(chunks) {
    for (const [, , , data] of chunks) {
      this.#waiting.push(data)
      this.#waits += data.length
    }
    this.#drawing ??= this.#drawAll()
    return this.#drawing
  }

  async #drawAll() {
    while (this.#waiting.length > 0) {
      let [text, count] = ['', 0]
      while (text.length < AT_ONCE && count < this.#waiting.length) text += this.#waiting[count++]
      this.#waiting.splice(0, count)
      this.#waits -= text.length
      await new Promise((resolve) => this.#terminal.write(text, () => resolve()))
    }
    this.#drawing = undefined
  }

  /** Shows these chunks in place of all others. */
  async #show({ chunks, more }) {
    this.#waiting = []
    this.#waits = 0
    await this.#drawing
    this.#terminal.reset()
    this.#chunks = []
    this.#kept = 0
    this.#hasOlder = more
    this.#add(chunks)
    return this.#draw(chunks)
  }

  /** Keeps chunks, and forgets the oldest ones where that is too much. */
  #add(chunks) {
    for (const chunk of chunks) this.#chunks.push(chunk)
    this.#kept += lengthOf(chunks)
    if (this.#kept < 2 * KEPT) return
    let first = 0
    while (this.#kept > KEPT) this.#kept -= this.#chunks[first++][3].length
    this.#chunks = this.#chunks.slice(first)
    this.#hasOlder = true
  }

  /** Asks for the output before or after a chunk, or for the end. */
  #ask(values) {
    return get('output', { id: this.#id, ...values }, { signal: this.#signal })
  }

  /** Shows the end, and what comes if the session goes on. */
  async end({ onOver }) {
    this.#onOver = onOver
    const page = await this.#ask({})
    await this.#show(page)
    this.#follow(page.cursor)
  }

  #follow(after) {
    this.#source = events(
      'follow',
      { id: this.#id, after },
      {
        chunks: (chunks, source) => {
          this.#add(chunks)
          void this.#draw(chunks)
          if (this.#waits < WAITING) return
          source.close()
          void this.end({ onOver: this.#onOver })
        },
        skip: (page) => void this.#show(page),
        over: (session, source) => {
          source.close()
          this.#onOver(session)
        },
      },
    )
  }

  /** Shows what stands around a chunk. */
  async around(cursor) {
    const page = await this.#ask({ before: cursor + 1 })
    const behind = await this.#ask({ after: cursor })
    await this.#show(page)
    const row = this.#terminal.buffer.active.baseY
    this.#add(behind.chunks)
    await this.#draw(behind.chunks)
    this.#terminal.scrollToLine(Math.max(0, row))
  }

  /** Puts older output before what is shown. */
  async #older() {
    if (this.#isLoading || !this.#hasOlder || this.#chunks.length === 0) return
    // The screen of a full-screen program has nothing above it.
    if (this.#terminal.buffer.active.type !== 'normal') return
    if (this.#kept > KEPT) {
      tell('That is as much as is kept here. The search leads to any place.')
      return
    }
    this.#isLoading = true
    try {
      const [[first]] = this.#chunks
      const page = await this.#ask({ before: first })
      const { length } = this.#terminal.buffer.active
      await this.#show({ chunks: [...page.chunks, ...this.#chunks], more: page.more })
      this.#terminal.scrollToLine(Math.max(0, this.#terminal.buffer.active.length - length))
    } finally {
      this.#isLoading = false
    }
  }
}
