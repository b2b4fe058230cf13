// `gsd-sessions export`: what a session printed, in a file of its own or on the standard output.

import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { extname, join, resolve } from 'node:path'
import { Option } from 'commander'
import { allOptions, examples, Failure, integer, withReader } from '../command.mjs'
import { filterOptions, namesOf, resolveId, SESSION } from '../naming.mjs'
import { textPrinter } from '../output.mjs'
import { abortable, progressBar } from '../progress.mjs'
import { redactSetting } from '../settings.mjs'
import { print } from '../streams.mjs'
import { bytesText, jsonText, printable } from '../style.mjs'

const FORMATS = ['raw', 'text', 'html', 'ndjson', 'asciicast']

/** The endings that mean one format; a `.log` may be the bytes or the text. */
const ENDINGS = {
  '.raw': 'raw',
  '.txt': 'text',
  '.html': 'html',
  '.htm': 'html',
  '.ndjson': 'ndjson',
  '.jsonl': 'ndjson',
  '.cast': 'asciicast',
}

/** How wide and high a terminal may be. */
const LARGEST = 65_535

/** The format that is asked for, or else that of the file's ending. */
function formatFor(command, file, { format = ENDINGS[extname(file ?? '').toLowerCase()] }) {
  if (format === undefined) {
    const of =
      file === undefined ? 'of the standard output' : `of ${printable(JSON.stringify(file))}`
    command.error(`error: the format ${of} is not clear: --format ${FORMATS.join('|')}`)
  }
  return format
}

/** An existing file is replaced only with --force. The export itself refuses everything that is not a file. */
function mayBeWritten(file, force) {
  if (!force && statSync(file, { throwIfNoEntry: false })?.isFile()) {
    throw new Failure(`${JSON.stringify(file)} exists; --force replaces it`)
  }
}

/** Prints a file unchanged, and on a terminal without sequences that control it. */
async function printFile(file) {
  const isTerminal = process.stdout.isTTY
  const printer = textPrinter({})
  for await (const data of file.createReadStream({ encoding: isTerminal ? 'utf8' : null })) {
    await printer.chunk({ data })
  }
  await printer.end()
}

/** Lets `write` make a private temporary file, and prints that. */
async function throughFile(write) {
  const folder = mkdtempSync(join(tmpdir(), 'gsd-sessions-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  let file
  try {
    const path = join(folder, 'export')
    const done = await write(path)
    file = await open(path)
    // A signal may end the printing, so the file is removed first. Windows cannot remove an open file.
    if (process.platform !== 'win32') remove()
    await printFile(file)
    return done
  } finally {
    await file?.close()
    remove()
  }
}

const ofTerminal = (what) => `the ${what} of the terminal (default: that of the session)`

/** Adds the options of an export. */
export const exportOptions = (command) =>
  command
    .argument('[file]', 'the file to make; - is the standard output')
    .addOption(
      new Option('--format <format>', "the format (default: that of the file's ending)").choices(
        FORMATS,
      ),
    )
    .option('--force', 'replace the file if it exists')
    .option('--columns <number>', ofTerminal('width'), integer(1, LARGEST))
    .option('--rows <number>', ofTerminal('height'), integer(1, LARGEST))
    .option('--redact', 'replace secrets, as the settings say or else all kinds')
    .option('--player', 'a page with a player above its lines, which needs no network')

/** What is asked for by the options of {@link exportOptions}. */
export function exportFor(command, file, options) {
  const format = formatFor(command, file, options)
  if (options.player && format !== 'html') {
    command.error(`error: --player is for pages (html); the format is ${format}`)
  }
  return { ...options, format }
}

/** Writes a session to a file, or without one to the standard output. */
export async function exportSession({ outputs }, id, file, options) {
  const { format, columns, rows, player, force, json } = options
  const redact = options.redact && ((await redactSetting()) || true)
  const write = (path) => {
    const bar = progressBar()
    const onProgress = ({ outputs: done, totalOutputs }) => bar.update(done, totalOutputs)
    return abortable((signal) =>
      outputs.exportTo(id, path, { format, columns, rows, player, redact, onProgress, signal }),
    ).finally(bar.clear)
  }
  if (file === undefined) {
    const done = await throughFile(write)
    if (json) process.stderr.write(`${jsonText({ format, ...done })}\n`)
    return
  }
  mayBeWritten(file, force)
  const done = await write(file)
  const path = resolve(file)
  if (json) await print(`${jsonText({ path, format, ...done })}\n`)
  else await print(`${printable(path)}: ${done.outputs} chunks, ${bytesText(done.bytes)}\n`)
}

/** Defines the command. */
export function define(command) {
  command
    .name('export')
    .summary('write what a session printed to a file')
    .description(
      'Write what a session printed to a file, or without one to the standard output: as it is (raw), as a ' +
        'person saw it (text, html), by chunks (ndjson), or as a recording to play (asciicast).',
    )
    .argument('[id]', SESSION)
  exportOptions(command)
  filterOptions(command)
  examples(command, [
    ['gsd-sessions export s-1 s-1.html', 'a page with its colours'],
    ['gsd-sessions export s-1 s-1.html --player', 'one that also plays the session'],
    ['gsd-sessions export s-1 s-1.cast', 'play it: asciinema play s-1.cast'],
    ['gsd-sessions export s-1 --format text | less', 'read it'],
  ])
  return command.action(() => {
    const options = allOptions(command)
    const {
      names: [name],
      rest: [target],
    } = namesOf(command, options, { behind: 1 })
    const file = target === '-' ? undefined : target
    const how = exportFor(command, file, options)
    return withReader(options, (stores) => {
      const id = resolveId(stores, name, options)
      return exportSession(stores, id, file, how)
    })
  })
}
