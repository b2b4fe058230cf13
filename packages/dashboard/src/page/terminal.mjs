// What a session printed, in a terminal of its own size: from the end, backwards as one scrolls, and live.

import { Terminal } from '../vendor/xterm.mjs'
import { events, get } from './api.mjs'

/** Lines that are kept above the screen. */
const SCROLLBACK = 50_000

/** Characters that the terminal is given before it is asked whether it has drawn them. */
const AT_ONCE = 256 << 10

const SIZE = { columns: 80, rows: 24 }

const THEME = { background: '#0d1117', foreground: '#e6edf3', cursor: '#0d1117' }

/** A terminal in an element. */
export class Screen {
  #terminal
  #id
  #signal
  #chunks = []
  #first
  #hasOlder = false
  #isLoading = false
  #written = Promise.resolve()
  #source

  constructor(place, session, { signal }) {
    this.#id = session.id
    this.#signal = signal
    const size = session.sizes?.at(-1) ?? {}
    const isRaw = session.terminal === false
    this.#terminal = new Terminal({
      cols: size.columns ?? session.columns ?? SIZE.columns,
      rows: size.rows ?? session.rows ?? SIZE.rows,
      convertEol: isRaw || session.columns === undefined,
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

  /** Resolves once a text is drawn. */
  #write(text) {
    this.#written = this.#written.then(
      () => new Promise((resolve) => this.#terminal.write(text, resolve)),
    )
    return this.#written
  }

  async #draw(chunks) {
    let text = ''
    for (const [, , , data] of chunks) {
      text += data
      if (text.length < AT_ONCE) continue
      await this.#write(text)
      text = ''
    }
    await this.#write(text)
  }

  /** Shows the end, and what comes if the session goes on. */
  async end({ onOver }) {
    const page = await get('output', { id: this.#id }, { signal: this.#signal })
    this.#chunks = page.chunks
    this.#first = page.chunks[0]?.[0]
    this.#hasOlder = page.more
    await this.#draw(page.chunks)
    this.#source = events(
      'follow',
      { id: this.#id, after: page.cursor },
      {
        chunks: (chunks) => {
          this.#chunks.push(...chunks)
          void this.#draw(chunks)
        },
        over: (session, source) => {
          source.close()
          onOver(session)
        },
      },
    )
  }

  /** Shows what stands around a chunk. */
  async around(cursor) {
    const page = await get('output', { id: this.#id, before: cursor + 1 }, { signal: this.#signal })
    const behind = await get('output', { id: this.#id, after: cursor }, { signal: this.#signal })
    this.#chunks = [...page.chunks, ...behind.chunks]
    this.#first = page.chunks[0]?.[0]
    this.#hasOlder = page.more
    await this.#draw(page.chunks)
    const row = this.#terminal.buffer.active.baseY
    await this.#draw(behind.chunks)
    this.#terminal.scrollToLine(Math.max(0, row))
  }

  /** Puts older output before what is shown. */
  async #older() {
    if (this.#isLoading || !this.#hasOlder || this.#first === undefined) return
    this.#isLoading = true
    try {
      const page = await get(
        'output',
        { id: this.#id, before: this.#first },
        { signal: this.#signal },
      )
      if (page.chunks.length === 0) {
        this.#hasOlder = false
        return
      }
      this.#chunks = [...page.chunks, ...this.#chunks]
      this.#first = page.chunks[0][0]
      this.#hasOlder = page.more
      const { length } = this.#terminal.buffer.active
      this.#terminal.reset()
      await this.#draw(this.#chunks)
      this.#terminal.scrollToLine(Math.max(0, this.#terminal.buffer.active.length - length))
    } finally {
      this.#isLoading = false
    }
  }

  focus() {
    this.#terminal.focus()
  }
}
