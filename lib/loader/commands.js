'use strict'
// The command that installs a platform package, for the package manager that a project is installed with.

const { existsSync } = require('node:fs')
const { dirname, join } = require('node:path')

/** Package managers by their lockfiles, with the command and what makes it last. */
const MANAGERS = [
  {
    manager: 'npm',
    lockfiles: ['package-lock.json', 'npm-shrinkwrap.json'],
    command: (spec) => `npm install --include=optional --save-optional ${spec}`,
    note: 'npm leaves it out with --omit=optional or --no-optional, and where package-lock.json was made on another platform without it.',
  },
  {
    manager: 'pnpm',
    lockfiles: ['pnpm-lock.yaml'],
    command: () => 'pnpm install --force',
    note: 'pnpm leaves it out with --no-optional, and where supportedArchitectures in pnpm-workspace.yaml does not list this platform.',
  },
  {
    manager: 'Yarn',
    lockfiles: ['yarn.lock'],
    command: (spec) => `yarn add --optional ${spec}`,
    note: 'Yarn leaves it out with --ignore-optional, and where supportedArchitectures in .yarnrc.yml does not list this platform.',
  },
  {
    manager: 'Bun',
    lockfiles: ['bun.lock', 'bun.lockb'],
    command: (spec) => `bun add --optional ${spec}`,
    note: 'Bun leaves it out with --omit=optional, and where --os or --cpu name another platform.',
  },
]

/** Where this is installed. A bundle that is an ES module does not know. */
const HERE = typeof __dirname === 'string' ? __dirname : process.cwd()

/** The managers whose lockfile is in the nearest folder above this one that has one. */
function managersOfProject() {
  for (let at = HERE; ; at = dirname(at)) {
    const found = MANAGERS.filter(({ lockfiles }) =>
      lockfiles.some((lockfile) => existsSync(join(at, lockfile))),
    )
    if (found.length > 0 || at === dirname(at)) return found
  }
}

/** Lines for people: the command of the manager that installed this, of each where that is not known. */
function describeCommands(packageName, version) {
  const found = managersOfProject()
  const spec = `${packageName}@${version}`
  if (found.length === 0) {
    return MANAGERS.map(({ manager, command }) => `  ${manager}: ${command(spec)}`)
  }
  return found.flatMap(({ command, note }) => [`  ${command(spec)}`, note])
}

module.exports = { describeCommands }
