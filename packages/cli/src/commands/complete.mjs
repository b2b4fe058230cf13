// `gsd-sessions complete`: what the scripts of `completion` ask. It prints what may stand in the place of the last word, each
// with what it is for behind a tab, or `:files`, `:folders`, or `:command 3` where a command line of its own begins with that word.

import { homedir } from 'node:os'
import { allOptions, withReader } from '../command.mjs'
import { commandOf, programWith } from '../program.mjs'
import { print } from '../streams.mjs'
import { printable } from '../style.mjs'

/** How many sessions are offered. */
const OFFERED = 50

/** Ids that no shell takes apart or for an option. */
const PLAIN = /^\w[\w.@%+-]{0,99}$/

/** The most characters of what is said of a word. */
const TOLD = 60

/** The option that a word names. */
const optionOf = (options, word) =>
  options.find(({ short, long }) => word === short || word === long)

/** Words as bash has them, which takes `--db=file` apart, and with the value of an option as a word of its own. */
function separated(words) {
  return words
    .filter((word, i) => word !== '=' || i === words.length - 1)
    .flatMap((word) => {
      const [, option, value] = /^(--[\w-]+)=(.*)$/s.exec(word) ?? []
      return option === undefined ? [word] : [option, value]
    })
    .map((word) => (word === '=' ? '' : word))
}

/** Splits words into the options' values and the others, and finds the option whose value comes next. */
function read(words, options, isOver) {
  const others = []
  let awaits
  for (const word of words) {
    if (awaits) awaits = undefined
    else if (isOver(others)) others.push(word)
    else if (word.startsWith('-') && word !== '-' && word !== '--') {
      const option = optionOf(options, word)
      if (option?.required || option?.optional) awaits = option
    } else if (word !== '--') others.push(word)
  }
  return { others, awaits }
}

/** The ids of the last sessions, and what they ran. */
async function ids(options) {
  const name = ({ title, currentCommand, workingDir }) => title ?? currentCommand ?? workingDir
  try {
    const sessions = await withReader(options, (stores) => stores.sessions.list({ limit: OFFERED }))
    const told = sessions
      .filter(({ id }) => PLAIN.test(id))
      .map((session) => [session.id, `${session.status}: ${name(session)}`])
    return [['last', 'the one that started last'], ...told]
  } catch {
    // Without a database there is nothing to name.
    return []
  }
}

/** What an argument or the value of an option may be, by its name. */
async function valuesOf({ name, choices }, options) {
  if (choices) return choices.map((choice) => [choice, ''])
  if (['file', 'backup'].includes(name)) return ':files'
  if (name === 'folder') return ':folders'
  return name === 'id' ? ids(options) : []
}

const argumentOf = (argument) => ({ name: argument.name(), choices: argument.argChoices })
const valueOf = (option) => ({
  name: /[<[]([\w-]+)/.exec(option.flags)?.[1],
  choices: option.argChoices,
})

/** What may stand in the place of the last word. */
async function completions(words, options) {
  const current = words.at(-1) ?? ''
  const before = words.slice(0, -1)
  const name = commandOf(before)
  const program = await programWith(name)
  const command = program.commands.find((each) => each.name() === name) ?? program
  const help = command.createHelp()
  const known = help.visibleOptions(command)
  const isRun = name === 'record'
  const start = isRun ? before.indexOf('record') + 1 : 0
  // Behind the command that is recorded, all belongs to it.
  const isOver = (others) => isRun && others.length > 1
  const { others, awaits } = read(before, known, isOver)
  const db = before[before.indexOf('--db') + 1]?.replace(/^~(?=\/|$)/, homedir())
  const database = before.includes('--db') ? { ...options, db } : options
  if (awaits) return valuesOf(valueOf(awaits), database)
  if (isRun && (others.length > 1 || !current.startsWith('-'))) {
    const first = before.slice(start).indexOf(others[1])
    return `:command ${1 + (first === -1 ? before.length : start + first)}`
  }
  if (current.startsWith('-')) {
    return known.map(({ long, short, description }) => [long ?? short, description])
  }
  if (command === program) {
    return help
      .visibleCommands(program)
      .map((each) => [each.name(), each.summary() || each.description()])
  }
  const at = others.length - 1
  const all = command.registeredArguments
  const argument = all[at] ?? (all.at(-1)?.variadic ? all.at(-1) : undefined)
  return argument ? valuesOf(argumentOf(argument), database) : []
}

/** Defines the command. */
export function define(command) {
  command
    .name('complete')
    .description('Print what may stand in the place of the last word of a command line.')
    .argument('[words...]', 'the words, of which the last one is completed')
    .allowUnknownOption()
    .passThroughOptions()
  return command.action(async (given) => {
    const words = separated(given)
    const found = await completions(words, allOptions(command))
    if (typeof found === 'string') return print(`${found}\n`)
    const current = words.at(-1) ?? ''
    const lines = found
      .filter(([value]) => value.startsWith(current))
      .map(([value, purpose]) => `${value}\t${printable(purpose.slice(0, TOLD))}\n`)
    return print(lines.join(''))
  })
}
