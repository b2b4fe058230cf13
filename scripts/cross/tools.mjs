// The tools of a cross-build, at the versions of requirements.txt, in a virtual environment below target/.

import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

const REQUIREMENTS = 'requirements.txt'

/** Installs what is missing. Gives the environment of the tools, and `inspect(file)`. */
export function prepareTools(root) {
  const requirements = join(root, 'scripts/cross', REQUIREMENTS)
  const folder = join(root, 'target/cross-tools')
  const bin = join(folder, 'bin')
  const installed = join(folder, REQUIREMENTS)
  const wanted = readFileSync(requirements, 'utf8')
  if (!existsSync(installed) || readFileSync(installed, 'utf8') !== wanted) {
    console.error(`installing ${wanted.match(/^\w.*$/gm).join(', ')} into ${folder}`)
    execFileSync('python3', ['-m', 'venv', folder], { stdio: 'inherit' })
    const pip = [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '-r',
      requirements,
    ]
    execFileSync(join(bin, 'python'), pip, { stdio: 'inherit' })
    // Written last, so that an installation that broke off is done again.
    copyFileSync(requirements, installed)
  }
  return {
    env: { PATH: `${bin}${delimiter}${process.env.PATH}` },
    inspect(file) {
      const script = join(root, 'scripts/cross/inspect_binary.py')
      return JSON.parse(execFileSync(join(bin, 'python'), [script, file], { encoding: 'utf8' }))
    },
  }
}

/** Installs the standard library of Rust for `triples` where it is missing. */
export function prepareRust(triples, root) {
  const rustup = (...args) =>
    execFileSync('rustup', args, {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  const targets = rustup('target', 'list', '--installed').split('\n')
  const missing = triples.filter((triple) => !targets.includes(triple))
  if (missing.length > 0) rustup('target', 'add', ...missing)
}
