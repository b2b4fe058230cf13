// How long an answer may be. Clients cut answers off at some 25,000 tokens, or refuse them.

/** Tokens of an answer, unless it is told, and at most. An answer has its text twice: for people and for programs. */
export const TOKENS = 8_000
export const MOST_TOKENS = 9_500

// What a token holds at least, by the kind of its characters: random letters and digits make the shortest ones.
const PARTS = / ?[a-z]+| ?[A-Z]+|\d+| +|[^\S ]|[!-~]|[^\0-\x7f]|./gsu

/** Characters that are common in texts: those of China, Japan and Korea. */
const isCommon = (point) =>
  (point >= 0x3000 && point < 0xa000) || (point >= 0xac00 && point < 0xd7b0)

/** Whether letters sound like a word, of which a token holds more than of random ones. */
const isWord = (part) => /[aeiouy]/.test(part) && !/[^aeiouy ]{4}|[aeiouy]{4}|[jqvxz]/.test(part)

/** How many tokens a part of a text is at most. */
function weightOf(part) {
  const { length } = part
  const first = part.codePointAt(0)
  // In JSON a character that steers a terminal is an escape sequence.
  if (first < 0x20 && !/[\t\n\r]/.test(part)) return 5
  // Of all else each byte may be a token.
  if (first > 0x7f) return first > 0xffff ? 4 : first > 0x7ff ? (isCommon(first) ? 2 : 3) : 2
  // A blank belongs to the word behind it.
  if (/[a-z]/.test(part)) return Math.max(1, length / (isWord(part) ? 3.5 : 1.7))
  if (/[A-Z]/.test(part)) return Math.max(1, length / 1.5)
  if (/\d/.test(part)) return Math.max(1, length / 1.5)
  return part.startsWith(' ') ? 1 + length / 16 : 1
}

/** How many tokens a text is, rather too many than too few. */
export function tokensOf(text) {
  let sum = 0
  for (const [part] of text.matchAll(PARTS)) sum += weightOf(part)
  return Math.ceil(sum)
}

/** Characters that a token holds at most: no text weighs less. */
const LONGEST_TOKEN = 16

/** A text, or what has room of it where it is longer than so many characters. */
export const shortened = (text, most) =>
  text.length <= most ? text : `${text.slice(0, most).toWellFormed()}…`

/** Counts lines until an answer is full. */
export class Budget {
  #left

  constructor(tokens = TOKENS) {
    this.#left = tokens
  }

  /** Whether a text has room, which it then takes. */
  takes(text) {
    if (text.length > LONGEST_TOKEN * (this.#left + 1)) return false
    const tokens = tokensOf(text) + 1
    if (tokens > this.#left) return false
    this.#left -= tokens
    return true
  }

  /** How many characters can have room at most. */
  get characters() {
    return LONGEST_TOKEN * (this.#left + 1)
  }

  /** As much of the beginning of a text as has room. */
  cut(whole) {
    const text = whole.slice(0, LONGEST_TOKEN * (this.#left + 1))
    let [low, high] = [0, text.length]
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if (tokensOf(text.slice(0, middle)) <= this.#left) low = middle
      else high = middle - 1
    }
    // No pair is cut in two.
    if (low > 1 && /[\ud800-\udbff]/.test(text[low - 1])) low--
    const cut = text.slice(0, low).toWellFormed()
    this.#left = 0
    return cut
  }
}
