// `gsd-sessions completion`: what has a shell complete the command line.

import { readFileSync } from 'node:fs'
import { Argument } from 'commander'
import { examples } from '../command.mjs'
import { print } from '../streams.mjs'

const SHELLS = ['bash', 'zsh', 'fish']

/** Defines the command. */
export function define(command) {
  command
    .name('completion')
    .summary('print completions for a shell')
    .description('Print what has a shell complete commands, options and the ids of sessions.')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
  examples(command, [
    ['source <(gsd-sessions completion bash)', 'in ~/.bashrc'],
    ['source <(gsd-sessions completion zsh)', 'in ~/.zshrc, behind compinit'],
    ['gsd-sessions completion fish | source', 'in ~/.config/fish/config.fish'],
  ])
  return command.action((shell) => {
    const script = new URL(`../shell/completion.${shell}`, import.meta.url)
    return print(readFileSync(script, 'utf8'))
  })
}
