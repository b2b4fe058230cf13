// `gsd-sessions show`: one session and everything that it printed.

import { allOptions, examples, Failure, withReader } from '../command.mjs'
import { filterOptions, namesOf, resolveId, SESSION } from '../naming.mjs'
import { printChunks, textPrinter, visible } from '../output.mjs'
import { print } from '../streams.mjs'
import { duration, jsonText, localTime, printable, statusText, styled, zone } from '../style.mjs'

function linesOf(session, { host, isPinned }) {
  const { id, slot, status, workingDir, currentCommand, startedAt, endedAt, pid } = session
  const { title, exitCode, signal, error } = session
  const ended = endedAt && `${localTime(endedAt)}, after ${duration(startedAt, endedAt)}`
  const lines = [
    ['Session', printable(id)],
    ['Host', host && printable(host)],
    ['Title', title && printable(title)],
    ['Status', statusText(status)],
    ['Exit', exitCode === undefined ? signal && printable(signal) : String(exitCode)],
    ['Error', error && printable(error)],
    ['Slot', String(slot)],
    ['Folder', printable(workingDir)],
    ['Command', currentCommand && printable(currentCommand)],
    ['Process', pid === undefined ? undefined : String(pid)],
    ['Started', `${localTime(startedAt)} (${zone()})`],
    ['Ended', ended],
    ['Pinned', isPinned ? 'yes' : undefined],
  ]
  return lines
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${styled('bold', name.padEnd(7))}  ${value}\n`)
    .join('')
}

/** One JSON object, chunk by chunk: the output may be larger than a string can be. */
async function printJson(session, chunks) {
  await print(`{"session":${jsonText(session ?? null)},"outputs":[`)
  let separator = ''
  for (const chunk of chunks) {
    await print(separator + jsonText(chunk))
    separator = ','
  }
  await print(']}\n')
}

/** The output of one command of a shell, without anything around it. */
async function printCommand(outputs, id, command, { json }) {
  const found = outputs.commands(id).find(({ number }) => number === command)
  if (!found) {
    const marks = 'only those of a shell that marks its prompts are known'
    throw new Failure(`session ${JSON.stringify(id)} has no command ${command}; ${marks}`)
  }
  const text = outputs.text(id, { command })
  if (json) return print(`${jsonText({ ...found, output: text })}\n`)
  return print(text === '' ? '' : `${process.stdout.isTTY ? visible(text) : text}\n`)
}

/** Adds the options that say what is shown. */
export const showOptions = (command) =>
  command
    .option('--output', 'only what it printed')
    .option('-t, --times', 'the time before each line')
    .option('--raw', 'print what is stored as it is, on a terminal too')

/** Shows a session, and what it printed. */
export async function show({ sessions, outputs }, id, { host, ...options }) {
  const session = sessions.get(id)
  if (options.json) return printJson(session && { ...session, host }, outputs.iterate(id))
  if (!options.output && session) {
    await print(`${linesOf(session, { host, isPinned: sessions.isPinned(id) })}\n`)
  }
  return printChunks(outputs.iterate(id), textPrinter(options, session, outputs.sizes(id)))
}

/** Defines the command. */
export function define(command) {
  command
    .name('show')
    .summary('show a session and everything that it printed')
    .description('Show a session and everything that it printed.')
    .argument('[id]', SESSION)
  showOptions(command)
  filterOptions(command, {
    which: 'in the place of an id: the last session',
    commandForm: '<text|number>',
  })
  examples(command, [
    ['gsd-sessions show s-1', 'the session and its output'],
    ['gsd-sessions show --output s-1 > s-1.log', 'what it printed, to the byte'],
    ['gsd-sessions show -t s-1', 'when it printed each line'],
    ['gsd-sessions show --command "npm test"', 'the last session that ran this'],
    ['gsd-sessions show last --command 3', 'what the third command of a shell printed'],
    ["gsd-sessions show --json s-1 | jq '.outputs | length'", 'how many chunks there are'],
  ])
  return command.action(() => {
    const { command: text, ...rest } = allOptions(command)
    const isNumber = /^\d+$/.test(text ?? '')
    const options = isNumber ? rest : { ...rest, command: text }
    const [name] = namesOf(command, options).names
    return withReader(options, async (stores) => {
      const id = resolveId(stores, name, options)
      if (isNumber) return printCommand(stores.outputs, id, Number(text), options)
      return show(stores, id, options)
    })
  })
}
