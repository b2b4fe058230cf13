// What a process says of itself, so that it survives its SIGKILL: lines that are written to a file one by one,
// each by one system call, before and after every operation. The system keeps what a call has written.
// A file rather than a pipe: it never makes a writer wait for the parent, it can be read at any moment, such as
// while all writers are stopped, and after a failure it is there to be read.

import { writeSync } from 'node:fs'

/** The time in nanoseconds, on a clock that all processes of the machine share. */
export function now() {
  return Number(process.hrtime.bigint())
}

/** The side of the process that writes. */
export class Journal {
  #descriptor

  constructor(descriptor) {
    this.#descriptor = descriptor
  }

  /** The operation is about to be done. */
  begin(operation) {
    writeSync(this.#descriptor, `${now()} begin ${operation}\n`)
  }

  /** The operation returned. */
  done() {
    writeSync(this.#descriptor, `${now()} done\n`)
  }

  /** What a read that lay between two moments has seen. */
  saw(from, to, what) {
    writeSync(this.#descriptor, `${from} saw ${to} ${what}\n`)
  }
}

/** The lines of a journal as lists of words; one that a SIGKILL cut off does not count. */
export function parseJournal(text) {
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .slice(0, -1)
    .map((line) => line.split(' '))
}
