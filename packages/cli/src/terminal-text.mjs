// Stored output on a terminal: its text and colours, without any sequence that affects more than its line.

/** The state of {@link TerminalText}: what kind of escape sequence it is in. */
const TEXT = 0
const ESCAPE = 1
const CONTROL_SEQUENCE = 2
const STRING = 3

/** All control characters but the newline. They are handled one by one. */
const CONTROLS = /[^\P{Cc}\n]/u

/**
 * Characters that reverse text or hide in it: line separators, embeddings and overrides of direction, zero-width
 * spaces, tags. The marks of right-to-left text stay, and so do the characters that join emoji and letters.
 */
const HIDDEN = /[\u200b\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e0fff}]/gu

/** The most characters of a control sequence that are kept. A longer sequence is no colour. */
const LONGEST_COLOR = 64

/** The characters that start a string for the terminal (its title, its clipboard, …) behind an ESC. */
const STRING_STARTS = new Set(['P', 'X', ']', '^', '_'])

/**
 * Removes everything from stored output but text, newlines, tabs, carriage returns, colours and the erasing of a line.
 * So a line that is drawn over looks as it did. Each jump on the screen starts a new line.
 *
 * Output comes in chunks, and a sequence may go on in the next one.
 */
export class TerminalText {
  #colors
  #erases
  #state = TEXT
  #sequence = ''
  /** Whether there is something in the line so far. */
  #inLine = false

  /**
   * @param colors Whether colours stay.
   * @param erases Whether the terminal knows how to erase a line.
   */
  constructor(colors, erases = true) {
    this.#colors = colors
    this.#erases = erases
  }

  /** The part of the next chunk that may go to a terminal. */
  write(stored) {
    const chunk = stored.replaceAll(HIDDEN, '')
    if (this.#state === TEXT && !CONTROLS.test(chunk)) {
      if (chunk !== '') this.#inLine = !chunk.endsWith('\n')
      return chunk
    }
    let text = ''
    for (const character of chunk) text += this.#next(character)
    return text
  }

  /** The sequence that leaves the terminal as it was before. */
  end() {
    return this.#colors ? '\x1b[0m' : ''
  }

  #next(character) {
    if (this.#state === STRING) return this.#inString(character)
    if (character === '\x1b') return this.#enter(ESCAPE)
    if (this.#state === ESCAPE) return this.#afterEscape(character)
    if (this.#state === CONTROL_SEQUENCE) return this.#inControlSequence(character)
    return this.#inText(character)
  }

  #enter(state) {
    this.#state = state
    this.#sequence = ''
    return ''
  }

  #inText(character) {
    if (character === '\n') return this.#newline()
    if ((character >= ' ' && character < '\x7f') || character >= '\xa0') {
      this.#inLine = true
      return character
    }
    if (character === '\r' || character === '\t') return character
    if (character < '\x80') return ''
    // The C1 controls are short for ESC and a letter.
    return this.#afterEscape(String.fromCharCode(character.charCodeAt(0) - 0x40))
  }

  #afterEscape(character) {
    if (character === '[') return this.#enter(CONTROL_SEQUENCE)
    if (STRING_STARTS.has(character)) return this.#enter(STRING)
    // Intermediate characters, such as those that choose a character set: the final one is still to come.
    if (character >= ' ' && character <= '/') return this.#enter(ESCAPE)
    this.#enter(TEXT)
    return character >= ' ' && character < '\x7f' ? '' : this.#inText(character)
  }

  #inControlSequence(character) {
    if (character >= ' ' && character <= '?') {
      if (this.#sequence.length < LONGEST_COLOR) this.#sequence += character
      return ''
    }
    const sequence = this.#sequence
    this.#enter(TEXT)
    if (character < '@' || character > '~') return this.#inText(character)
    return this.#controlled(character, sequence)
  }

  /** What a control sequence means for the text: its final character and what stands before. */
  #controlled(final, parameters) {
    if (final === 'm' && /^[\d;:]*$/.test(parameters)) {
      return this.#colors && parameters.length < LONGEST_COLOR ? `\x1b[${parameters}m` : ''
    }
    if (final === 'K' && /^[012]?$/.test(parameters)) {
      return this.#erases ? `\x1b[${parameters}K` : ''
    }
    if (final === 'G' && /^[01]?$/.test(parameters)) return '\r'
    const isJump = (final === 'H' || final === 'f') && /^[\d;]*$/.test(parameters)
    return isJump && this.#inLine ? this.#newline() : ''
  }

  #newline() {
    this.#inLine = false
    return '\n'
  }

  #inString(character) {
    // A newline ends it too: one that was never ended must not hide all the rest.
    if (character === '\n') {
      this.#enter(TEXT)
      return this.#newline()
    }
    if (character === '\x1b') return this.#enter(ESCAPE)
    if (['\x07', '\x18', '\x1a', '\x9c'].includes(character)) this.#enter(TEXT)
    return ''
  }
}
