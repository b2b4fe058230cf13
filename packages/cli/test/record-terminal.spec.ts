// `gsd-sessions record` for a person at a terminal: a shell in a pseudo-terminal, in which it is typed.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../../../__test__/support/support.js'
import { atTerminal, has } from './at-terminal.js'
import { commandPath } from './support.js'

describe.skipIf(process.platform === 'win32' || !has('bash'))('a command in a terminal', () => {
  test('has a terminal of the same size, and is stored with it', async () => {
    const { shows, stores, command, sessions } = atTerminal()
    command(`sh -c 'test -t 0 && test -t 1 && test -t 2 && stty size; exit 3'; echo "code $?"`)
    await shows('24 100')
    await shows('code 3')
    await stores('24 100')
    expect(sessions.get('s-1')).toMatchObject({
      status: 'failed',
      exitCode: 3,
      terminal: true,
      columns: 100,
      rows: 24,
    })
  })

  test('is stopped by ^Z and goes on with fg, as without a recorder', async () => {
    const { shows, command, type, sessions, outputs } = atTerminal()
    command(`sh -c 'echo rea""dy; read line; echo "got $line"'; echo "code $?"`)
    await shows(/^ready/m)
    type('\u001a')
    await shows('Stopped')
    type('echo shell\r')
    await shows(/^shell/m)
    expect(sessions.get('s-1')?.status).toBe('running')
    type('fg\r')
    await shows(/fg\n.*record/)
    type('more\r')
    // What is typed before the shell reads again would be for the command.
    await shows(/^got more\n+\$/m)
    type('echo over\r')
    await shows(/^over/m)
    await expect.poll(() => outputs.text('s-1')).toContain('got more')
    expect(sessions.get('s-1')).toMatchObject({ status: 'completed', exitCode: 0 })
  })

  test('is interrupted by ^C, and the shell hears of it', async () => {
    const { shows, command, type, sessions } = atTerminal()
    // As without a recorder, the rest of the line does not run.
    command(`sh -c 'echo rea""dy; exec sleep 50'; echo "not"" this"`)
    await shows(/^ready/m)
    type('\u0003')
    await shows(/\^C\n+\$$/)
    type('echo "code $?"\r')
    await shows('code 130')
    expect(sessions.get('s-1')).toMatchObject({ status: 'failed', signal: 'SIGINT' })
  })

  test('that was started in the background gets what is typed once it is in the foreground', async () => {
    const { shows, command, type, sessions } = atTerminal()
    command(`sh -c 'echo rea""dy; read line; echo "got $line"' &`)
    await shows(/^ready/m)
    type('fg\r')
    await shows(/^fg$/m)
    await shows(/record --id s-1 -- sh/)
    await new Promise((done) => setTimeout(done, 500))
    type('something\r')
    await shows('got something')
    await expect.poll(() => sessions.get('s-1')?.status).toBe('completed')
  })

  test('is hung up on when its recorder is killed', async () => {
    const { shows, command, type, sessions } = atTerminal()
    const file = join(temporaryFolder(), 'heard')
    command(
      `sh -c 'trap "echo HUP > ${file}; exit" HUP; echo rea""dy; while :; do sleep 0.1; done' &`,
    )
    await shows(/^ready/m)
    await expect.poll(() => sessions.get('s-1')?.pid).toBeGreaterThan(0)
    type('kill -9 $!\r')
    await expect.poll(() => existsSync(file)).toBe(true)
    expect(readFileSync(file, 'utf8')).toBe('HUP\n')
  })

  test('hears of another size, which is stored as well', async () => {
    const { shell, shows, command, sessions } = atTerminal()
    command(`sh -c 'trap "stty size; exit" WINCH; echo rea""dy; while :; do sleep 0.05; done'`)
    await shows(/^ready/m)
    shell.resize({ columns: 70, rows: 18 })
    await shows('18 70')
    await shows(/18 70\n\$$/)
    expect(sessions.get('s-1')).toMatchObject({ columns: 70, rows: 18 })
  })

  test('can ask for a password, which is not stored', async () => {
    const { connection, shows, stores, command, type } = atTerminal()
    const script =
      'stty -echo; printf Pass""word:; read word; stty echo; echo; echo length ${#word}'
    command(`sh -c '${script}'`)
    await shows(/^Password:/m)
    type('hunter2\r')
    await shows('length 7')
    await stores('Password:\nlength 7')
    const stored = connection.db.prepare('SELECT count(*) FROM session_outputs WHERE data LIKE ?')
    expect(stored.pluck().get('%hunter2%')).toBe(0)
  })

  test('can be a shell with jobs of its own', async () => {
    const { shows, command, type, sessions } = atTerminal()
    command(`env PS1='in: ' bash --norc --noprofile`)
    await shows(/^in:$/m)
    type("sh -c 'echo asleep; exec sleep 50'\r")
    await shows(/^asleep$/m)
    type('\u001a')
    await shows('Stopped')
    type('fg\r')
    await shows(/^in: fg\nsh -c/m)
    type('\u0003')
    await shows(/\^C\n/)
    type('exit 4\r')
    await shows(/\n\$$/)
    expect(sessions.get('s-1')).toMatchObject({ exitCode: 4 })
  })

  test.skipIf(!has('vim'))('can be vim, and the screen is that of vim', async () => {
    const { screen, shows, command, type, outputs } = atTerminal()
    const file = join(temporaryFolder(), 'text')
    writeFileSync(file, 'first line\nsecond line\n')
    command(`vim -u NONE -N ${file}`)
    await shows('second line')
    type('ddihello \u001b')
    await shows('hello second line')
    await expect.poll(() => outputs.screen('s-1').text).toBe(screen())
    type(':q!\r')
    await shows(/^\$$/m)
  })

  test.skipIf(!has('vim'))('can be vim while the terminal gets another size', async () => {
    const { screen, shell, shows, command, type, outputs } = atTerminal()
    const file = join(temporaryFolder(), 'text')
    writeFileSync(file, Array.from({ length: 60 }, (_, i) => `line ${i}\n`).join(''))
    command(`vim -u NONE -N ${file}`)
    await shows('line 22')
    shell.resize({ columns: 60, rows: 40 })
    await shows('line 38')
    type('G')
    await shows('line 59')
    shell.resize({ columns: 120, rows: 10 })
    await expect.poll(() => outputs.sizes('s-1').at(-1)).toMatchObject({ columns: 120, rows: 10 })
    await expect.poll(() => screen().split('\n').length).toBeLessThanOrEqual(10)
    type('gg')
    await shows(/^line 0\n/)
    await expect.poll(() => outputs.screen('s-1').text).toBe(screen())
    type(':q!\r')
    await shows(/^\$$/m)
  })

  test.skipIf(!has('less'))('can be less, which pages', async () => {
    const { shows, command, type, outputs } = atTerminal()
    const file = join(temporaryFolder(), 'text')
    writeFileSync(file, Array.from({ length: 100 }, (_, i) => `line ${i}\n`).join(''))
    command(`less ${file}`)
    await shows('line 22')
    type(' ')
    await shows('line 45')
    await expect.poll(() => outputs.screen('s-1').text).toContain('line 45')
    type('q')
    await shows(/^\$$/m)
    type('stty -a\r')
    await shows(/ icanon .* echo /s)
  })

  test('has pipes with --no-terminal', async () => {
    const { shows, type, sessions } = atTerminal()
    const line = `"${process.execPath}" "${commandPath}" record --id s-1 --no-terminal -- sh -c 'test -t 1 || echo no'`
    type(`${line}\r`)
    await shows(/^no$/m)
    type('echo over\r')
    await shows(/^over/m)
    expect(sessions.get('s-1')?.terminal).toBe(false)
  })

  test('is played as it was, and does nothing to the terminal', async () => {
    const { screen, shows, type, sessions, outputs } = atTerminal()
    sessions.create({
      id: 's-1',
      slot: 1,
      status: 'completed',
      workingDir: '/',
      startedAt: new Date(),
      terminal: true,
      columns: 60,
      rows: 5,
    })
    const data = [
      '\u001b]0;title\u0007one\r\n',
      '\u001b[31mtwo\u001b[m\u001b[6n\r\n',
      '\u001b[2J\u001b[Hthree',
    ]
    for (const [i, text] of data.entries()) {
      const timestamp = new Date(1_772_359_200_000 + i * 60_000)
      outputs.append({ sessionId: 's-1', timestamp, type: 'stdout', data: text })
    }
    type(`"${process.execPath}" "${commandPath}" play s-1 --idle-limit 0.4; echo play""ed\r`)
    await shows(/^one\s*$/)
    await shows(/^one\ntwo\s*$/)
    await shows(/^three\s*$/)
    await shows(/^played/m)
    expect(screen()).toMatch(/three\nplayed/)
    expect(screen()).not.toMatch(/\[\d+;\d+R/)
  })

  test.each(['bash', 'zsh', 'fish'].filter(has))(
    'marks its commands with --shell-integration, beside what the user has set up: %s',
    async (shell) => {
      const { shows, type, outputs, sessions } = atTerminal()
      const home = temporaryFolder()
      writeFileSync(join(home, '.bashrc'), "PROMPT_COMMAND='true;'; PS1='inner: '\n")
      writeFileSync(join(home, '.zshrc'), "PS1='inner: '\n")
      const config = join(home, '.config', 'fish')
      mkdirSync(config, { recursive: true })
      // Otherwise fish makes it from all manual pages, in the background.
      mkdirSync(join(home, '.local/share/fish/generated_completions'), { recursive: true })
      writeFileSync(
        join(config, 'config.fish'),
        "function fish_prompt; echo -n 'inner: '; end; set -g fish_greeting\n",
      )
      const recorder = `"${process.execPath}" "${commandPath}"`
      type(`HOME=${home} ${recorder} record --id s-1 --shell-integration -- ${shell}\r`)
      await shows(/^inner:/m)
      for (const [line, end] of [
        ['echo one', /^one/m],
        ['ls /nowhere', /nowhere.*\n.*inner:/],
        ['seq 7 9', /^9/m],
      ] as const) {
        type(`${line}\r`)
        await shows(end)
        await shows(/inner:\s*$/)
      }
      await expect.poll(() => outputs.commands('s-1').length).toBe(3)
      expect(outputs.commands('s-1').map(({ text }) => text)).toEqual([
        'echo one',
        'ls /nowhere',
        'seq 7 9',
      ])
      const succeeded = () => outputs.commands('s-1').map(({ exitCode }) => exitCode === 0)
      await expect.poll(succeeded).toEqual([true, false, true])
      expect(outputs.text('s-1', { command: 3 })).toBe('7\n8\n9')
      // It keeps its history in a folder that goes.
      type('exit\r')
      await expect.poll(() => sessions.get('s-1')?.status).not.toBe('running')
    },
  )
})
