"""Records real programs in a pseudo-terminal, for __test__/fixtures/recordings.

    python3 tests/recordings/record.py [name...]

Needs vim, less, top, htop, cargo, node with npm, and the Python package tqdm; `npm i ink react` in the folder that RECORD_FOLDER
names, for the application with Ink. Each recording is one JSON file: the size of the terminal, and what the program printed, in the pieces
in which it came.
"""

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TARGET = os.path.join(HERE, '..', '..', '__test__', 'fixtures', 'recordings')
INK = os.environ.get('RECORD_FOLDER')

LAYERS = r"""
import sys, time
names = ['a1b2c3d4e5f6: ', '0f9e8d7c6b5a: ', '123456789abc: ']
w = sys.stdout.write
w('latest: Pulling from library/example\n')
for name in names: w(name + 'Pulling fs layer\n')
for step in range(0, 101, 20):
    for i, name in enumerate(names):
        up = len(names) - i
        state = 'Pull complete' if step == 100 else f'Downloading [{"=" * (step // 5)}>{" " * (20 - step // 5)}] {step}MB/100MB'
        w(f'\x1b[{up}A\x1b[2K\r{name}{state}\r\x1b[{up}B')
    sys.stdout.flush(); time.sleep(0.02)
w('Status: Downloaded newer image for example:latest\n')
"""

NESTED = """
import time
from tqdm import tqdm
for i in tqdm(range(3), desc='outer', mininterval=0, ncols=60):
    for j in tqdm(range(5), desc='inner', mininterval=0, leave=False, ncols=60):
        time.sleep(0.002)
print('done')
"""

BOX = """
import curses, time
def main(screen):
    curses.curs_set(0)
    box = curses.newwin(8, 40, 3, 10)
    for i in range(5):
        box.erase(); box.box(); box.addstr(0, 2, ' A box '); box.addstr(2 + i % 4, 3, f'step {i} of 5 - äöü 日本', curses.A_BOLD)
        box.refresh(); time.sleep(0.02)
    screen.getch()
curses.wrapper(main)
"""

APPLICATION = """
import React, { useEffect, useState } from 'react'
import { Box, Static, Text, render } from 'ink'
const e = React.createElement
function App() {
  const [step, setStep] = useState(0)
  useEffect(() => { if (step < 8) { const t = setTimeout(() => setStep(step + 1), 30); return () => clearTimeout(t) } }, [step])
  const done = Array.from({ length: Math.floor(step / 2) }, (_, i) => i)
  return e(React.Fragment, null,
    e(Static, { items: done }, (i) => e(Text, { key: i, color: 'green' }, `✔ task ${i} is done`)),
    e(Box, { borderStyle: 'round', flexDirection: 'column', width: 40 },
      e(Text, { bold: true }, `step ${step} of 8`), e(Text, { dimColor: true }, '█'.repeat(step * 3)), e(Text, null, '日本語 and 😀')))
}
render(e(App))
"""

CRATE = {'Cargo.toml': '[package]\nname = "example"\nversion = "0.1.0"\nedition = "2021"\n', 'src/main.rs': 'fn main() { let unused = 1; println!("hello"); }\n'}


def file_of(folder, name, text):
    path = os.path.join(folder, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as file:
        file.write(text)
    return path


def programs(folder):
    """The programs by their names: size, command, and what is typed, with pauses in seconds."""
    lines = file_of(folder, 'lines.txt', ''.join(f'line {i} of a text with some words äöü 日本\n' for i in range(1, 120)))
    long = file_of(folder, 'long.txt', 'word ' * 200 + '\n' + 'short\n' * 3)
    for name, text in CRATE.items():
        file_of(folder, f'crate/{name}', text)
    script = lambda name, text: [sys.executable, file_of(folder, name, text)]
    ink = ['node', file_of(INK, 'application.mjs', APPLICATION)] if INK else None
    vim = ['vim', '-u', 'NONE', '-N', '-i', 'NONE', '-n']
    all = {
        'vim': ((80, 24), [*vim, lines], ['', 'gg', 'ihello world\x1b', 'dd', 'G', 'o日本語\x1b', ':set nu\r', '\x06', ':split\r', ':q!\r', ':q!\r']),
        'vim-wraps': ((40, 12), [*vim, long], ['', 'j', 'j', 'k', 'x', 'u', ':q!\r']),
        'less': ((80, 24), ['less', lines], ['', ' ', 'b', '/line 70\r', 'G', 'q']),
        'less-stays': ((80, 24), ['less', '-X', lines], ['', ' ', 'j', 'j', '/line 9\r', 'q']),
        'ink': ((80, 24), ink, ['', '', '']),
        'layers': ((80, 24), script('layers.py', LAYERS), ['']),
        'tqdm-nested': ((80, 24), script('nested.py', NESTED), ['']),
        'curses-box': ((80, 24), script('box.py', BOX), ['', '', 'q']),
        'cargo': ((80, 24), ['cargo', 'build', '--offline', '--color', 'always', '--manifest-path', os.path.join(folder, 'crate/Cargo.toml')], ['']),
        # Of one process alone, so that the recording tells nothing of the machine that it was made on.
        'top': ((80, 24), ['sh', '-c', 'sleep 9 & top -d 0.6 -p $!'], ['', 'z', 'x', 'c', 'q']),
        'htop': ((100, 30), ['sh', '-c', 'sleep 9 & htop -d 3 -p $!'], ['', 't', 'I', '\x1b[21~']),
        'npm': ((80, 24), ['npm', 'install', '--progress', '--color=always', '--no-audit', '--no-fund', '--prefix', folder, 'is-number'], ['']),
        'bash': ((60, 15), ['bash', '--norc', '--noprofile', '-i'], ['', 'echo one tow\x7f\x7fwo\r', 'printf "%s " {1..60}\r', '\x1b[A\x01# \r', 'clear\r', 'echo done\r', 'exit\r']),
    }
    return {name: program for name, program in all.items() if program[1]}


def record(size, command, typed):
    columns, rows = size
    pid, terminal = pty.fork()
    if pid == 0:
        environment = {'TERM': 'xterm-256color', 'PATH': os.environ['PATH'], 'HOME': os.environ['HOME'], 'LANG': 'C.UTF-8', 'PS1': '$ '}
        os.execvpe(command[0], command, environment)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
    pieces, typed, quiet = [], list(typed), time.time()
    deadline = time.time() + 60
    while time.time() < deadline:
        ready, _, _ = select.select([terminal], [], [], 0.05)
        if ready:
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            pieces.append(piece)
            quiet = time.time()
        elif typed and time.time() - quiet > 0.4:
            text = typed.pop(0)
            os.write(terminal, text.encode())
            quiet = time.time()
    os.close(terminal)
    os.waitpid(pid, 0)
    return pieces


def texts(pieces):
    """The pieces as text, cut between characters."""
    rest, cut = b'', []
    for piece in pieces:
        rest += piece
        end = len(rest)
        while end > 0 and end > len(rest) - 4:
            try:
                cut.append(rest[:end].decode())
                rest = rest[end:]
                break
            except UnicodeDecodeError:
                end -= 1
    return [text for text in [*cut, rest.decode(errors='replace')] if text]


def main():
    os.makedirs(TARGET, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for name, (size, command, typed) in programs(folder).items():
            if sys.argv[1:] and name not in sys.argv[1:]:
                continue
            chunks = [text.replace(folder, '/tmp/example') for text in texts(record(size, command, typed))]
            path = os.path.join(TARGET, f'{name}.json')
            with open(path, 'w') as file:
                json.dump({'columns': size[0], 'rows': size[1], 'chunks': chunks}, file, ensure_ascii=False, indent=2)
                file.write('\n')
            print(f'{name}: {len(chunks)} pieces, {sum(map(len, chunks))} characters')


main()
