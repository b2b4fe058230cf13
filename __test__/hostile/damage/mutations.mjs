// Damage to a database file, its log and its neighbours. A seed is one damage, the same every time.
import { PAGE_OF_FRAME, framesOf, sealed, withFrames } from './log.mjs'
import { randomOf } from './random.mjs'

/** The page size of the files that are damaged. */
const PAGE = 4096

/** Values at which arithmetic often fails. */
const EXTREMES = [0, 1, 2, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]

/** Fields of the header of a database: offset and bytes. */
const HEADER_FIELDS = [
  [16, 2],
  [18, 1],
  [19, 1],
  [20, 1],
  [21, 1],
  [22, 1],
  [23, 1],
  [24, 4],
  [28, 4],
  [32, 4],
  [36, 4],
  [40, 4],
  [44, 4],
  [48, 4],
  [52, 4],
  [56, 4],
  [60, 4],
  [64, 4],
  [68, 4],
  [72, 4],
  [92, 4],
  [96, 4],
]

/** Words of the schema, each with a word of the same length that means something else, or nothing. */
const SCHEMA_WORDS = [
  ['session_outputs', 'session_outputz'],
  ['sessions', 'sezzions'],
  ['session_id', 'session_iq'],
  ['timestamp', 'session_i'],
  ['INTEGER PRIMARY KEY', 'INTEGER PRIMARY KEX'],
  ['AUTOINCREMENT', '             '],
  ['TEXT PRIMARY KEY', 'TEXT            '],
  ['TEXT NOT NULL', 'BLOB NOT NULL'],
  ['TEXT NOT NULL', 'INT  NOT NULL'],
  ['NOT NULL', 'NOT NIL '],
  ['TEXT NOT NULL', 'TEX\u00ff NOT NULL'],
  ['created_at', 'created\u00ffat'],
  ['CREATE TABLE', 'CREATE VIEWS'],
  ['CREATE INDEX', 'CREATE INDEK'],
  ['CREATE TRIGGER', 'CREATE TRIGGED'],
  ['CHECK (slot', 'CHECK (slut'],
  ['IN (1, 2, 3)', 'IN (1, 2, 1)'],
  ["'waiting_checkpoint'", "'waiting_checkpoint\0"],
  ['DEFAULT', 'DEFUALT'],
  ["datetime('now')", 'abs(-1 * 1 * 1)'],
  ['REFERENCES', 'REFERANCES'],
  ['BEGIN', 'BEGAN'],
  ['table', 'index'],
  ['index', 'table'],
  ['trigger', 'tablexx'],
  ['idx_outputs_timestamp', 'idx_outputs_session_i'],
  ['updated_at', 'working_di'],
  ['\n', '\0'],
]

/** What can be done to the bytes of a database. Each changes `bytes` or gives others, and says what it did. */
const OF_BYTES = {
  truncate(bytes, random) {
    const length = random.below(bytes.length)
    return [bytes.subarray(0, length), `cut to ${length} bytes`]
  },
  truncateToPages(bytes, random) {
    const pages = random.below(bytes.length / PAGE)
    return [bytes.subarray(0, pages * PAGE), `cut to ${pages} pages`]
  },
  lengthen(bytes, random) {
    const more = random.bytes(1 + random.below(3 * PAGE))
    return [Buffer.concat([bytes, more]), `${more.length} bytes of garbage at the end`]
  },
  flipOneBit(bytes, random) {
    const at = random.below(bytes.length)
    const bit = random.below(8)
    bytes[at] ^= 1 << bit
    return [bytes, `bit ${bit} of byte ${at} flipped`]
  },
  flipManyBits(bytes, random) {
    const count = 2 + random.below(random.pick([10, 100, 2000]))
    for (let i = 0; i < count; i++) bytes[random.below(bytes.length)] ^= 1 << random.below(8)
    return [bytes, `${count} bits flipped`]
  },
  flipInOnePage(bytes, random) {
    const page = pageOf(bytes, random)
    const count = 1 + random.below(30)
    for (let i = 0; i < count; i++) {
      const at = (page - 1) * PAGE + random.below(PAGE)
      if (at < bytes.length) bytes[at] ^= 1 << random.below(8)
    }
    return [bytes, `${count} bits of page ${page} flipped`]
  },
  overwrite(bytes, random) {
    const garbage = random.bytes(1 + random.below(600))
    const at = random.below(bytes.length)
    garbage.copy(bytes, at)
    return [bytes, `${garbage.length} bytes of garbage at ${at}`]
  },
  swapPages(bytes, random) {
    const [one, other] = [pageOf(bytes, random), pageOf(bytes, random)]
    const kept = Buffer.from(slice(bytes, one))
    slice(bytes, other).copy(bytes, (one - 1) * PAGE)
    kept.copy(bytes, (other - 1) * PAGE)
    return [bytes, `pages ${one} and ${other} swapped`]
  },
  zeroPage(bytes, random) {
    const page = pageOf(bytes, random)
    slice(bytes, page).fill(0)
    return [bytes, `page ${page} zeroed`]
  },
  duplicatePage(bytes, random) {
    const [one, other] = [pageOf(bytes, random), pageOf(bytes, random)]
    slice(bytes, one).copy(bytes, (other - 1) * PAGE)
    return [bytes, `page ${one} copied over page ${other}`]
  },
  header(bytes, random) {
    const [at, length] = random.pick(HEADER_FIELDS)
    const value = random.pick(EXTREMES)
    writeNumber(bytes, at, length, value)
    return [bytes, `header field at ${at} is ${value}`]
  },
  encoding(bytes, random) {
    const encoding = random.pick([0, 2, 3, 4, 255])
    writeNumber(bytes, 56, 4, encoding)
    return [bytes, `text encoding ${encoding}`]
  },
  schema(bytes, random) {
    const [word, other] = random.pick(SCHEMA_WORDS)
    const places = placesOf(bytes, word, 12 * PAGE)
    if (places.length === 0) return OF_BYTES.flipInOnePage(bytes, random)
    const at = random.pick(places)
    bytes.write(other, at, 'latin1')
    return [bytes, `${JSON.stringify(word)} of the schema at ${at} is ${JSON.stringify(other)}`]
  },
  pageHeader(bytes, random) {
    const page = pageOf(bytes, random)
    const at = (page - 1) * PAGE + (page === 1 ? 100 : 0)
    const [field, length] = random.pick([
      [0, 1],
      [1, 2],
      [3, 2],
      [5, 2],
      [7, 1],
      [8, 4],
    ])
    const value = random.oneIn(2) ? random.pick(EXTREMES) : random.below(2 ** 16)
    writeNumber(bytes, at + field, length, value)
    return [bytes, `field ${field} in the header of page ${page} is ${value}`]
  },
  cellPointer(bytes, random) {
    const page = pageOf(bytes, random)
    const start = (page - 1) * PAGE
    const at = start + (page === 1 ? 108 : 8) + 2 * random.below(60)
    const value = random.below(PAGE)
    writeNumber(bytes, at, 2, value)
    return [bytes, `cell pointer at ${at} is ${value}`]
  },
  cellByte(bytes, random) {
    const cell = cellOf(bytes, random)
    if (cell === undefined) return OF_BYTES.flipInOnePage(bytes, random)
    const at = cell.at + random.below(12)
    bytes[at] = random.oneIn(2) ? bytes[at] ^ (1 << random.below(8)) : random.below(256)
    return [
      bytes,
      `byte ${at - cell.at} of cell ${cell.index} of page ${cell.page} is ${bytes[at]}`,
    ]
  },
  // The record of an index ends in the rowid of the row that it leads to.
  rowidOfIndex(bytes, random) {
    const cell = cellOf(bytes, random, 0x0a)
    if (cell === undefined) return OF_BYTES.flipInOnePage(bytes, random)
    const at = cell.at + bytes[cell.at]
    bytes[at] ^= 1 << random.below(8)
    return [bytes, `rowid in cell ${cell.index} of the index page ${cell.page} flipped`]
  },
}

const WEIGHTED = Object.keys(OF_BYTES).flatMap((name) =>
  Array.from(
    { length: ['flipOneBit', 'flipManyBits', 'rowidOfIndex'].includes(name) ? 2 : 1 },
    () => name,
  ),
)

/** What can be done to a log. */
const OF_LOG = {
  truncate(log, random) {
    return OF_BYTES.truncate(log, random)
  },
  flip(log, random) {
    return random.oneIn(2) ? OF_BYTES.flipOneBit(log, random) : OF_BYTES.flipManyBits(log, random)
  },
  garbage(log, random) {
    return [random.bytes(random.below(3 * PAGE)), 'garbage']
  },
  header(log, random) {
    const at = random.pick([0, 4, 8, 12, 16, 20, 24, 28])
    const value = random.pick([...EXTREMES, 0x377f_0683, 0x377f_0682, 512, 1024, 65_536])
    writeNumber(log, at, 4, value)
    return [random.oneIn(2) ? sealed(log) : log, `header field at ${at} is ${value}`]
  },
  // The checksums are right again, so SQLite accepts the content.
  sealedDamage(log, random) {
    const frame = random.pick(framesOf(log))
    const page = frame.subarray(PAGE_OF_FRAME)
    const [changed, what] = OF_BYTES[random.pick(WEIGHTED)](Buffer.from(page), random)
    changed.copy(page, 0, 0, Math.min(changed.length, page.length))
    return [sealed(log), `sealed, in a frame of page ${frame.readUInt32BE(0)}: ${what}`]
  },
  frameHeader(log, random) {
    const frame = random.pick(framesOf(log))
    const at = random.pick([0, 4])
    const value = random.oneIn(2) ? random.pick(EXTREMES) : random.below(120)
    writeNumber(frame, at, 4, value)
    return [sealed(log), `sealed, frame header field at ${at} is ${value}`]
  },
  splice(log, random) {
    const frames = framesOf(log)
    const spliced = Array.from({ length: 1 + random.below(2 * frames.length) }, () =>
      random.pick(frames),
    )
    return [sealed(withFrames(log, spliced)), `sealed, ${spliced.length} frames in another order`]
  },
  spliceUnsealed(log, random) {
    const frames = framesOf(log)
    const [one, other] = [random.below(frames.length), random.below(frames.length)]
    ;[frames[one], frames[other]] = [frames[other], frames[one]]
    return [withFrames(log, frames), `frames ${one} and ${other} swapped`]
  },
}

/**
 * The files of a damage: copies of those of one of `bases`, changed.
 *
 * @param {Record<string, { db: Buffer, wal?: Buffer, shm?: Buffer }>} bases
 * @param {number} seed
 */
export function damage(bases, seed) {
  const random = randomOf(seed)
  const base = random.pick(Object.keys(bases))
  const files = Object.fromEntries(
    Object.entries(bases[base]).map(([name, bytes]) => [name, Buffer.from(bytes)]),
  )
  const said = []
  const say = (file, [bytes, what]) => {
    files[file] = bytes
    said.push(`${file}: ${what}`)
  }
  const damageFile = () => say('db', OF_BYTES[random.pick(WEIGHTED)](files.db, random))
  const damageLog = () => {
    const name = framesOf(files.wal).length > 0 ? random.pick(Object.keys(OF_LOG)) : 'garbage'
    say('wal', OF_LOG[name](files.wal, random))
  }
  const damageIndexOfLog = () => {
    const length = random.pick([0, 1, 136, 32_767, 32_768, 70_000])
    say('shm', [random.bytes(length), `${length} bytes of garbage`])
  }
  const addJournal = () => {
    const journal = random.bytes(random.pick([8, 512, 5000]))
    if (random.oneIn(2)) journal.set([0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7])
    say('journal', [journal, `${journal.length} bytes of garbage`])
  }
  const choices = files.wal
    ? [damageFile, damageLog, damageLog, damageLog, damageIndexOfLog]
    : [damageFile, damageFile, damageFile, damageFile, damageFile, damageFile, addJournal]
  random.pick(choices)()
  if (random.oneIn(8)) random.pick(choices.slice(0, 2))()
  if (!files.wal && random.oneIn(40)) say('wal', OF_LOG.garbage(undefined, random))
  return { base, files, what: `${base}, ${said.join(', ')}`, random }
}

function pageOf(bytes, random) {
  return 1 + random.below(Math.ceil(bytes.length / PAGE))
}

function slice(bytes, page) {
  return bytes.subarray((page - 1) * PAGE, page * PAGE)
}

function writeNumber(bytes, at, length, value) {
  if (at + length <= bytes.length) bytes.writeUIntBE(value % 2 ** (8 * length), at, length)
}

function placesOf(bytes, word, limit) {
  const places = []
  for (let at = bytes.indexOf(word); at >= 0 && at < limit; at = bytes.indexOf(word, at + 1)) {
    places.push(at)
  }
  return places
}

/** A cell of a leaf, of the pages of that `kind` if one is given. */
function cellOf(bytes, random, kind) {
  const pages = []
  for (let page = 2; page * PAGE <= bytes.length; page++) {
    const type = bytes[(page - 1) * PAGE]
    if (kind === undefined ? type === 0x0a || type === 0x0d : type === kind) pages.push(page)
  }
  if (pages.length === 0) return undefined
  const page = random.pick(pages)
  const start = (page - 1) * PAGE
  const index = random.below(bytes.readUInt16BE(start + 3))
  const pointer = start + 8 + 2 * index
  const at = pointer + 2 <= bytes.length ? start + bytes.readUInt16BE(pointer) : bytes.length
  return at + 300 < bytes.length ? { page, index, at } : undefined
}
