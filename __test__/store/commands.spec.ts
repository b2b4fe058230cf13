// Commands of a shell that marks its prompts, as the integrations of terminals and editors do.
import { describe, expect, test } from 'vitest'
import { at, failureOf, openStores, outOfRange, sampleOutput } from '../support/support.js'

const osc = (text: string) => `\u001b]${text}\u0007`
const prompt = `${osc('133;A')}me@host:~$ ${osc('133;B')}`

/** A session in which a shell ran `ls`, `false` and a loop over two lines, and runs another one. */
function shellSession() {
  const { outputs } = openStores()
  const chunks = [
    'Welcome\r\n',
    `${prompt}lss\b\u001b[K`,
    `\r\n${osc('133;C')}a.txt\r\n\u001b[32mb.txt\u001b[m\r\n`,
    `${osc('133;D;0')}${prompt}`,
    `false\r\n${osc('133;C')}${osc('133;D;1')}`,
    `${prompt}for i in 1 2\r\n> do echo $i; done\r\n${osc('133;C')}1\r\n2\r\n${osc('133;D')}`,
    `${prompt}\r\n${osc('133;D;0')}`,
    `${prompt}${osc('633;E;make\\x3b true;nonce')}make…\r\n${osc('633;C')}a.txt is up to date\r\n`,
  ]
  for (const [i, data] of chunks.entries()) {
    outputs.append(sampleOutput({ timestamp: at(i * 1000), data }))
  }
  return outputs
}

describe('the commands of a shell', () => {
  test('each has its text, its times, its exit code and the cursors of its output', () => {
    expect(shellSession().commands('s-1')).toEqual([
      {
        number: 1,
        text: 'ls',
        startedAt: at(2000),
        endedAt: at(3000),
        exitCode: 0,
        from: 3,
        to: 4,
      },
      {
        number: 2,
        text: 'false',
        startedAt: at(4000),
        endedAt: at(4000),
        exitCode: 1,
        from: 5,
        to: 5,
      },
      {
        number: 3,
        text: 'for i in 1 2\n> do echo $i; done',
        startedAt: at(5000),
        endedAt: at(5000),
        from: 6,
        to: 6,
      },
      { number: 4, text: 'make; true', startedAt: at(7000), from: 8 },
    ])
  })

  test('the output of one is read and searched alone', () => {
    const outputs = shellSession()
    const texts = [1, 2, 3, 4, 5].map((command) => outputs.text('s-1', { command }))
    expect(texts).toEqual(['a.txt\nb.txt', '', '1\n2', 'a.txt is up to date', ''])
    const found = (command?: number) =>
      outputs.search('a.txt', { command }).matches.map(({ line }) => line)
    expect(found()).toEqual(['a.txt', 'a.txt is up to date'])
    expect(found(4)).toEqual(['a.txt is up to date'])
    expect(found(3)).toEqual([])
  })

  test('its output is its own where the screen was cleared before, or a prompt came on a row of it', () => {
    const { outputs } = openStores()
    const [asks, runs, over] = [
      '\u001b]133;A\u0007$ \u001b]133;B\u0007',
      '\r\n\u001b]133;C\u0007',
      '\u001b]133;D;0\u0007',
    ]
    const print = (data: string) => void outputs.append(sampleOutput({ data }))
    print(`${asks}seq 1 3${runs}1\r\n2\r\n3\r\n${over}`)
    print(`${asks}clear${runs}\u001b[H\u001b[2J\u001b[3J${over}`)
    print(`${asks}echo hi${runs}hi\r\nho\r\n`)
    // What zsh prints before its prompt: the end of a line, in case that there is none.
    print(`%${' '.repeat(79)}\r \r${over}${asks}`)
    expect(outputs.text('s-1', { command: 3 })).toBe('hi\nho')
    expect(outputs.text('s-1', { command: 1 })).toBe('')
  })

  test('a session without marks has none', () => {
    const { outputs } = openStores()
    outputs.append(sampleOutput({ data: `$ ls\n${osc('133')}${osc('133;')}${osc('133;X')}a\n` }))
    expect(outputs.commands('s-1')).toEqual([])
    expect(outputs.commands('unknown')).toEqual([])
  })

  test('a number of a command is an integer from 1', () => {
    const { outputs } = openStores()
    for (const [call, run] of [
      ['OutputStore.text', () => outputs.text('s-1', { command: 0 })],
      ['OutputStore.search', () => outputs.search('x', { command: 0 })],
    ] as const) {
      expect(failureOf(run)).toEqual(
        outOfRange(call, 'options.command', 'an integer from 1 to 4294967295', '0'),
      )
    }
  })
})
