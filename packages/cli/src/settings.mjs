// What a user and a project have set in files.

import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { Failure } from './command.mjs'

/** The file of a project, in the folder in which something runs or above it. */
const OF_PROJECT = '.gsd-sessions.toml'

/** The file of the user. */
function fileOfUser() {
  const folder = process.env.XDG_CONFIG_HOME || join(homedir(), '.config')
  return join(folder, 'gsd-sessions', 'config.toml')
}

function fileOfProject() {
  let folder
  try {
    folder = process.cwd()
  } catch {
    // The folder was removed.
    return undefined
  }
  for (;;) {
    const file = join(folder, OF_PROJECT)
    if (existsSync(file)) return file
    if (dirname(folder) === folder) return undefined
    folder = dirname(folder)
  }
}

/** What a file says of redaction. One that cannot be understood is no reason to store what should not be. */
async function redactOf(file) {
  const { parse } = await import('smol-toml')
  const failed = (why) => new Failure(`cannot use ${JSON.stringify(file)}: ${why}`)
  let settings
  try {
    settings = parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw failed(error.message.split('\n')[0])
  }
  const unknown = Object.keys(settings).find((name) => name !== 'redact')
  if (unknown !== undefined) throw failed(`there is no setting ${JSON.stringify(unknown)}`)
  const { redact = false } = settings
  if (typeof redact !== 'boolean' && (typeof redact !== 'object' || Array.isArray(redact))) {
    throw failed('redact must be true, false or a table')
  }
  return redact
}

const listOf = (literals = []) =>
  Array.isArray(literals) ? literals.map((value) => ['literal', value]) : Object.entries(literals)

/** Both: what one asks for is looked for, whatever the other says. */
function joined(one, other) {
  if (typeof one !== 'object' || typeof other !== 'object') {
    return typeof one === 'object' ? one : typeof other === 'object' ? other : one || other
  }
  return {
    ...one,
    ...other,
    rules: [...(one.rules ?? []), ...(other.rules ?? [])],
    names: [...(one.names ?? []), ...(other.names ?? [])],
    literals: Object.fromEntries([...listOf(one.literals), ...listOf(other.literals)]),
    ...(one.builtin !== false || other.builtin !== false ? { builtin: true } : {}),
    ...(one.environment !== false || other.environment !== false ? { environment: true } : {}),
  }
}

/** Which secrets are replaced, by the files of the user and of the project. */
export async function redactSetting() {
  const files = [fileOfUser(), fileOfProject()].filter((file) => file && existsSync(file))
  let redact = false
  for (const file of files) redact = joined(redact, await redactOf(file))
  return redact
}
