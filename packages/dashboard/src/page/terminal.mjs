// What a session printed, in a terminal of its own size: from the end, backwards as one scrolls, and live.

import { Terminal } from '../vendor/xterm.mjs'
import { events, get } from './api.mjs'
import { tell } from './dom.mjs'

/** Lines that are kept above the screen. */
const SCROLLBACK = 50_000

/** For how long the terminal may work between two frames of the page, in milliseconds, and how many characters it is given for that. */
const WORK = 6
const LEAST = 4 << 10
const MOST = 128 << 10

/** Characters that are too many to be read out in a time, and that time in milliseconds. */
const UNHEARD = 64 << 10
const CALM = 1_000

/** Characters that wait to be drawn at most: nobody reads so fast. Then only the end is shown. */
const WAITING = 512 << 10

/** Characters of that end. */
const END = 64 << 10

/** Characters that are kept, to be drawn again below older output. */
const KEPT = 8 << 20

/** A cursor behind which nothing comes. */
const NEVER = 999_999_999_999_999

/** Empties the terminal, together with what is drawn next: nobody sees it empty. */
const RESET = '\u001bc'

const THEME = { background: '#0d1117', foreground: '#e6edf3', cursor: '#0d1117' }

const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve))

const lengthOf = (chunks) => chunks.reduce((sum, [, , , data]) => sum + data.length, 0)

/** The last of some chunks, as long together as an end is. */
function endOf(chunks) {
  let first = chunks.length
  for (let length = 0; first > 0 && length < END; first--) length += chunks[first - 1][3].length
  return chunks.slice(first)
}

/**
 * A terminal in an element. Only `#draw` writes to it, so that it never matters what else happens meanwhile: others
 * change what is to be drawn.
 */
export class Screen {
  #terminal
  #id
  #signal
  #follows
  // The chunks that are shown, in their order: their characters, and those that wait.
  #chunks = []
  #kept = 0
  #waits = 0
  // How many chunks are drawn; whether all is to be drawn anew; and what is done once so many are.
  #drawn = 0
  #isAnew = false
  #isDrawing = false
  #atOnce = MOST
  #goal
  // The sizes that the terminal had, and which of them it has.
  #sizes
  #size = 0
  // Whether there is more before and behind these chunks, and whether it is asked for.
  #hasOlder = false
  #hasNewer = false
  #isLoading = false
  #stop = () => {}
  #isFollowed = false
  #isLooking = false
  // Since when how many characters came, and what happens once fewer come.
  #second = 0
  #fresh = 0
  #calm

  /** `follows` is told what becomes of the session: `session`, `over` and `gone`. */
  constructor(place, session, { signal, follows }) {
    this.#id = session.id
    this.#signal = signal
    this.#follows = follows
    this.#sizes = session.sizes
    const [{ columns, rows }] = session.sizes
    this.#terminal = new Terminal({
      cols: columns,
      rows,
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
    this.#terminal.onScroll(() => {
      if (!this.#isLooking) requestAnimationFrame(() => this.#onScroll())
      this.#isLooking = true
    })
    place.addEventListener('wheel', ({ deltaY }) => {
      if (deltaY !== 0) this.#onEdge(Math.sign(deltaY))
    })
    signal.addEventListener('abort', () => {
      clearTimeout(this.#calm)
      this.#terminal.dispose()
    })
  }

  get #buffer() {
    return this.#terminal.buffer.active
  }

  /** Goes by the keys that scroll elsewhere. All others are those of the page. */
  #onKey(event) {
    const { key, type, ctrlKey, altKey, metaKey } = event
    const goes = {
      Home: [-1, () => this.#terminal.scrollToTop()],
      End: [1, () => this.#toEnd()],
      PageUp: [-1, () => this.#terminal.scrollPages(-1)],
      PageDown: [1, () => this.#terminal.scrollPages(1)],
      ArrowUp: [-1, () => this.#terminal.scrollLines(-1)],
      ArrowDown: [1, () => this.#terminal.scrollLines(1)],
    }[key]
    if (goes === undefined || ctrlKey || altKey || metaKey) return true
    if (type === 'keydown') {
      const [direction, go] = goes
      go()
      this.#onEdge(direction)
    }
    event.preventDefault()
    return false
  }

  #toEnd() {
    if (this.#hasNewer) void this.#loading(() => this.#showEnd())
    else this.#terminal.scrollToBottom()
  }

  /** The bar and a finger scroll as well; and so does output, to the end. */
  #onScroll() {
    this.#isLooking = false
    if (this.#signal.aborted) return
    const { viewportY, baseY } = this.#buffer
    if (baseY === 0) return
    if (viewportY === 0 && !this.#isFull) this.#onEdge(-1)
    if (viewportY === baseY) this.#onEdge(1)
  }

  /** Asks for more where somebody scrolls beyond what there is. */
  #onEdge(direction) {
    const { viewportY, baseY, type } = this.#buffer
    // The screen of a full-screen program has nothing above it.
    if (type !== 'normal' || this.#chunks.length === 0) return
    if (direction < 0 && viewportY === 0 && this.#hasOlder) void this.#older()
    if (direction > 0 && viewportY === baseY && this.#hasNewer) void this.#newer()
  }

  /** Whether nothing older can be shown together with what is shown. */
  get #isFull() {
    return this.#kept > KEPT || this.#buffer.length >= SCROLLBACK
  }

  /** Does one such work at a time. */
  async #loading(work) {
    if (this.#isLoading) return
    this.#isLoading = true
    try {
      await work()
    } catch (error) {
      if (!this.#signal.aborted) tell(error.message)
    } finally {
      this.#isLoading = false
    }
  }

  /** Draws what is to be drawn. */
  async #draw() {
    if (this.#isDrawing) return
    this.#isDrawing = true
    // Whoever changes what is to be drawn may have more to say.
    await undefined
    while (!this.#signal.aborted && (this.#isAnew || this.#drawn < this.#chunks.length)) {
      let begin = ''
      if (this.#isAnew) {
        begin = RESET
        this.#isAnew = false
        this.#size = 0
        this.#resize(this.#chunks[0]?.[0] ?? 0)
      }
      await this.#write(begin, this.#next())
      this.#reached()
      // One frame is for the terminal, and one for all else, unless somebody waits for it.
      if (this.#waits > 0 && this.#goal === undefined) await nextFrame().then(nextFrame)
    }
    this.#isDrawing = false
    if (this.#signal.aborted) return
    // A size that came behind the last chunk.
    if (!this.#hasNewer) this.#resize((this.#chunks.at(-1)?.[0] ?? 0) + 1)
    this.#reached()
  }

  /** Draws a text, and learns how much of it can be drawn between two frames. */
  async #write(begin, text) {
    this.#waits -= text.length
    const began = performance.now()
    await new Promise((resolve) => this.#terminal.write(begin + text, () => resolve()))
    const took = Math.max(1, performance.now() - began)
    const fits = this.#atOnce * Math.min(2, WORK / took)
    if (text.length >= this.#atOnce || fits < this.#atOnce)
      this.#atOnce = Math.min(MOST, Math.max(LEAST, fits))
  }

  /**
   * Has the output read out by screen readers, unless it comes too fast for that: to prepare it takes the page longer than
   * to draw it.
   */
  #hear(length) {
    const now = performance.now()
    if (now - this.#second > CALM) [this.#second, this.#fresh] = [now, 0]
    this.#fresh += length
    if (this.#fresh < UNHEARD) return
    const { options } = this.#terminal
    options.screenReaderMode = false
    clearTimeout(this.#calm)
    this.#calm = setTimeout(() => (options.screenReaderMode = true), CALM)
  }

  /** The text that is drawn next: that of chunks which came at one size. */
  #next() {
    let text = ''
    const end = this.#goal?.at ?? Infinity
    const most = this.#goal ? MOST : this.#atOnce
    const next = () => this.#sizes[this.#size + 1]?.after ?? Infinity
    if (this.#drawn < this.#chunks.length) this.#resize(this.#chunks[this.#drawn][0])
    while (this.#drawn < this.#chunks.length && text.length < most) {
      const [cursor, , , data] = this.#chunks[this.#drawn]
      if (cursor > next() || (this.#drawn === end && text !== '')) break
      text += data
      this.#drawn++
    }
    return text
  }

  /** Gives the terminal the size that it had at a chunk. */
  #resize(cursor) {
    const before = this.#size
    while ((this.#sizes[this.#size + 1]?.after ?? Infinity) < cursor) this.#size++
    const { columns, rows } = this.#sizes[this.#size]
    if (before === this.#size && columns === this.#terminal.cols && rows === this.#terminal.rows)
      return
    this.#terminal.resize(columns, rows)
  }

  #reached() {
    if (this.#goal === undefined || this.#isAnew || this.#drawn < this.#goal.at) return
    const { resolve } = this.#goal
    this.#goal = undefined
    resolve(true)
  }

  /** Shows these chunks in place of all others. */
  #show(chunks, { hasOlder, hasNewer = false }) {
    this.#chunks = chunks
    this.#kept = lengthOf(chunks)
    this.#waits = this.#kept
    this.#drawn = 0
    this.#isAnew = true
    this.#hasOlder = hasOlder
    this.#hasNewer = hasNewer
    this.#goal?.resolve(false)
    this.#goal = undefined
    void this.#draw()
  }

  /** Resolves once so many chunks are drawn; with false if that became pointless. */
  #until(at) {
    this.#goal?.resolve(false)
    return new Promise((resolve) => {
      this.#goal = { at, resolve }
      void this.#draw()
    })
  }

  /** Adds chunks behind those that are shown, and forgets the first ones where that is too much. */
  #add(chunks) {
    for (const chunk of chunks) this.#chunks.push(chunk)
    const length = lengthOf(chunks)
    this.#hear(length)
    this.#kept += length
    this.#waits += length
    if (this.#waits > WAITING && this.#goal === undefined) return this.#skip(endOf(this.#chunks))
    if (this.#kept >= 2 * KEPT) this.#forget()
    void this.#draw()
  }

  /** Goes on at the end, unless somebody reads further above: that stays, and the end is for later. */
  #skip(chunks) {
    const { viewportY, baseY } = this.#buffer
    // What somebody waits for is drawn as it is.
    const isAsked = this.#isLoading && this.#goal !== undefined
    if (viewportY === baseY && !isAsked) return this.#show(chunks, { hasOlder: true })
    this.#hasNewer = true
    if (isAsked) return
    this.#chunks.length = this.#drawn
    this.#kept = lengthOf(this.#chunks)
    this.#waits = 0
  }

  #forget() {
    let first = 0
    while (this.#kept > KEPT && first < this.#drawn) this.#kept -= this.#chunks[first++][3].length
    this.#chunks = this.#chunks.slice(first)
    this.#drawn -= first
    if (this.#goal) this.#goal.at -= first
    this.#hasOlder = true
  }

  /** Asks for the output before or behind a chunk, or for the end. */
  #ask(values) {
    return get('output', { id: this.#id, ...values }, { signal: this.#signal })
  }

  /** Shows the end, and what comes if the session goes on. */
  end() {
    return this.#loading(() => this.#showEnd())
  }

  async #showEnd() {
    const { chunks, cursor, more } = await this.#ask({})
    this.#show(chunks, { hasOlder: more })
    void this.#until(chunks.length)
    this.#follow(cursor)
  }

  #follow(after) {
    this.#stop()
    this.#isFollowed = true
    this.#stop = events(
      'follow',
      { id: this.#id, after },
      {
        // Where the end is not shown, only what becomes of the session matters.
        chunks: (chunks) => this.#hasNewer || this.#add(chunks),
        skip: ({ chunks }) => this.#hasNewer || this.#skip(chunks),
        sizes: (sizes) => {
          this.#sizes = sizes
          this.#follows.session({ sizes })
          void this.#draw()
        },
        session: this.#follows.session,
        over: (session) => {
          this.#stop()
          this.#follows.over(session)
        },
        gone: () => {
          this.#stop()
          this.#follows.gone()
        },
      },
      { signal: this.#signal },
    )
  }

  /** Shows what stands around a chunk. */
  around(cursor) {
    return this.#loading(async () => {
      const [before, behind] = await Promise.all([
        this.#ask({ before: cursor + 1 }),
        this.#ask({ after: cursor }),
      ])
      const chunks = [...before.chunks, ...behind.chunks]
      this.#show(chunks, { hasOlder: before.more, hasNewer: true })
      if (!(await this.#until(before.chunks.length))) return
      // The place stands at the top, and stays there.
      const place = this.#terminal.registerMarker(-1)
      if (!(await this.#until(chunks.length))) return
      this.#scrollTo(place)
      this.#went(behind)
    })
  }

  /** Goes to a place, which moves as lines are forgotten at the top. */
  #scrollTo(place) {
    this.#terminal.scrollToLine(Math.max(0, place?.line ?? 0))
    place?.dispose()
  }

  /** Notes that a page is shown. Behind the last one the session is followed. */
  #went({ cursor, more }) {
    this.#hasNewer = more
    if (!more) this.#follow(cursor)
    else if (!this.#isFollowed) this.#follow(NEVER)
  }

  /** Puts older output before what is shown. */
  #older() {
    return this.#loading(async () => {
      if (this.#isFull) {
        tell('That is as much as is kept here. The search leads to any place.')
        return
      }
      const [[first]] = this.#chunks
      const page = await this.#ask({ before: first })
      // Something else may be shown by now.
      if (this.#chunks[0]?.[0] !== first) return
      const { length } = this.#buffer
      const until = page.chunks.length + this.#drawn
      const look = { hasOlder: page.more, hasNewer: this.#hasNewer }
      this.#show([...page.chunks, ...this.#chunks], look)
      if (!(await this.#until(until))) return
      this.#terminal.scrollToLine(Math.max(0, this.#buffer.length - length))
    })
  }

  /** Puts newer output behind what is shown, where that is not the end. */
  #newer() {
    return this.#loading(async () => {
      const last = this.#chunks.at(-1)[0]
      const page = await this.#ask({ after: last })
      if (this.#chunks.at(-1)?.[0] !== last) return
      const { viewportY, baseY, cursorY } = this.#buffer
      const place = this.#terminal.registerMarker(viewportY - baseY - cursorY)
      // It would go along with what is drawn if it stood at the end.
      this.#terminal.scrollLines(-1)
      this.#add(page.chunks)
      if (!(await this.#until(this.#chunks.length))) return
      this.#scrollTo(place)
      this.#went(page)
    })
  }
}
