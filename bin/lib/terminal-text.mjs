// Stored output on a terminal: its text and colours, and nothing that does something to the terminal.

/** The state of {@link TerminalText}: what kind of escape sequence it is in. */
const TEXT = 0
const ESCAPE = 1
const CONTROL_SEQUENCE = 2
const STRING = 3

/** What is looked at more closely: all controls but the newline. */
const CONTROLS = /[^\P{Cc}\n]/u

/** How much of a control sequence is kept until it turns out to be a colour; longer ones are none. */
const LONGEST_COLOR = 64

/** The characters that start a string for the terminal (its title, its clipboard, …) behind an ESC. */
const STRING_STARTS = new Set(['P', 'X', ']', '^', '_'])

/**
 * Takes everything but text, newlines, tabs, carriage returns and colours out of stored output.
 *
 * Output comes in chunks, and a sequence may go on in the next one.
 */
export class TerminalText {
  #colors
  #state = TEXT
  #sequence = ''

  /** @param colors Whether colours stay. */
  constructor(colors) {
    this.#colors = colors
  }

  /** What a terminal may be given of the next chunk. */
  write(chunk) {
    if (this.#state === TEXT && !CONTROLS.test(chunk)) return chunk
    let text = ''
    for (const character of chunk) text += this.#next(character)
    return text
  }

  /** What leaves the terminal as it was found. */
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
    if (character >= ' ' && character < '\x7f') return character
    if (character >= '\xa0') return character
    if (character === '\n' || character === '\r' || character === '\t') return character
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
    const isColor = character === 'm' && /^[\d;:]*$/.test(sequence)
    return isColor && this.#colors && sequence.length < LONGEST_COLOR ? `\x1b[${sequence}m` : ''
  }

  #inString(character) {
    // A newline ends it too: one that was never ended must not hide all the rest.
    if (character === '\n') {
      this.#enter(TEXT)
      return character
    }
    if (character === '\x1b') return this.#enter(ESCAPE)
    if (['\x07', '\x18', '\x1a', '\x9c'].includes(character)) this.#enter(TEXT)
    return ''
  }
}
