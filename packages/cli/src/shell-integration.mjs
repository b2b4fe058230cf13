// What has a shell mark its prompts and commands, so that `show --command` and `search` take one of them alone.

import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Failure } from './command.mjs'

const scriptOf = (name) => fileURLToPath(new URL(`shell/${name}`, import.meta.url))

/** A file of zsh that stands for that of the user. */
const forwarded = (file) =>
  `[[ -f \${GSD_ZDOTDIR:-$HOME}/${file} ]] && source \${GSD_ZDOTDIR:-$HOME}/${file}\n`

/** A folder in which zsh finds its files: those of the user, and the marks. */
function folderOfZsh() {
  const folder = mkdtempSync(join(tmpdir(), 'gsd-sessions-'))
  for (const file of ['.zshenv', '.zprofile', '.zlogin'])
    writeFileSync(join(folder, file), forwarded(file))
  copyFileSync(scriptOf('zsh.zsh'), join(folder, '.zshrc'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** How to start each shell so that it marks its prompts. */
const SHELLS = {
  bash: (args) => ({ args: ['--rcfile', scriptOf('bash.sh'), ...args] }),
  zsh: (args) => ({
    args,
    env: { ...process.env, ZDOTDIR: folderOfZsh(), GSD_ZDOTDIR: process.env.ZDOTDIR },
  }),
  fish: (args) => ({ args: ['--init-command', `source '${scriptOf('fish.fish')}'`, ...args] }),
}

/** The options with which a shell reads none of its files. */
const WITHOUT_FILES = {
  bash: ['--norc', '--posix'],
  zsh: ['-f', '--no-rcs', '--norcs'],
  fish: [],
}

/** The arguments and the environment with which a shell marks its prompts and commands. */
export function withMarks(command, args) {
  const name = basename(command)
  const shell = Object.hasOwn(SHELLS, name) ? SHELLS[name] : undefined
  if (shell === undefined) {
    throw new Failure(
      `--shell-integration is for ${Object.keys(SHELLS).join(', ')}, not for ${name}`,
    )
  }
  const without = args.find((arg) => WITHOUT_FILES[name].includes(arg))
  if (without !== undefined) {
    throw new Failure(
      `--shell-integration needs ${name} to read its files, which ${without} forbids`,
    )
  }
  return shell(args)
}
