// `gsd-sessions pick` for a person at a terminal: a list, a filter, a preview, and what is done with the choice.
import { describe, expect, test } from 'vitest'
import { at, openStores, sampleOutput, sampleSession } from '../../../__test__/support/support.js'
import { atTerminal, has } from './at-terminal.js'
import { runCommand } from './support.js'

function picking() {
  const terminal = atTerminal()
  const { sessions, outputs } = terminal
  const commands = ['npm test', 'make all', 'npm run lint', 'echo \u001b[31mred']
  for (const [i, currentCommand] of commands.entries()) {
    const id = `s-${i}`
    sessions.create(
      sampleSession({
        id,
        startedAt: at(i),
        status: 'completed',
        currentCommand,
        title: undefined,
      }),
    )
    outputs.append(sampleOutput({ sessionId: id, data: `first of ${id}\nlast of ${id}\n` }))
  }
  return terminal
}

describe.skipIf(process.platform === 'win32' || !has('bash'))('pick', () => {
  test('lists the sessions with the last lines of one of them', async () => {
    const { type, shows, screen } = picking()
    type('gsd-sessions pick\r')
    await shows('navigate')
    await shows('last of s-3')
    expect(screen()).toMatch(/❯ completed .*echo \\x1b\[31mred {2}\(s-3\)/)
    type('\u001b[B')
    await shows('last of s-2')
  })

  test('finds as one types, and prints the id for other programs', async () => {
    const { type, shows, screen } = picking()
    type('x=$(gsd-sessions pick); clear; echo "got $x"\r')
    await shows('navigate')
    type('npm tes')
    await shows('last of s-0')
    expect(screen()).not.toContain('make all')
    type('\r')
    await shows('got s-0')
  })

  test('runs a command on the choice', async () => {
    const { type, shows, screen } = picking()
    type('gsd-sessions pick --command make show --output; echo "code $?"\r')
    await shows('navigate')
    type('\r')
    await shows('code 0')
    expect(screen()).toMatch(/first of s-1\nlast of s-1\ncode 0/)
  })

  test('ends with 130 at Ctrl-C', async () => {
    const { type, shows, screen } = picking()
    type('gsd-sessions pick; echo "code $?"\r')
    await shows('navigate')
    type('\u0003')
    await shows(/^code/m)
    expect(screen()).toContain('code 130')
  })
})

test('pick says where there is no terminal or no session', async () => {
  const { path } = openStores().connection
  expect(await runCommand(['pick', '--db', path])).toMatchObject({
    code: 1,
    stderr: 'gsd-sessions: there is no terminal to choose on; list prints the sessions\n',
  })
  expect(await runCommand(['pick', '--db', path], { typed: '', terminal: 80 })).toMatchObject({
    code: 1,
    stderr: 'gsd-sessions: there are no sessions to choose from\n',
  })
})
