'use strict'
// Downloads and copies that broke off. The system maps what a binary says that it holds, and the first
// access behind the end of the file ends the process (SIGBUS), so that nobody could be told.

const { closeSync, fstatSync, openSync, readSync } = require('node:fs')

const ELF = 0x7f454c46
const HEADER_SIZE = 64
const IS_64_BIT = 2

/** Throws where a binary of Linux is shorter than its header says; the section headers are its end. */
function refuseCutShort(file) {
  if (process.platform !== 'linux') return
  const header = Buffer.alloc(HEADER_SIZE)
  let descriptor
  try {
    descriptor = openSync(file, 'r')
  } catch {
    // Not there, or embedded in an executable, which only its runtime opens. What loads it tells.
    return
  }
  let size
  try {
    readSync(descriptor, header, 0, HEADER_SIZE, 0)
    ;({ size } = fstatSync(descriptor))
  } finally {
    closeSync(descriptor)
  }
  if (header.readUInt32BE(0) !== ELF || header[4] !== IS_64_BIT) return
  const end =
    Number(header.readBigUInt64LE(0x28)) + header.readUInt16LE(0x3a) * header.readUInt16LE(0x3c)
  if (size < end) {
    throw new Error(`${file}: file too short: it has ${size} of at least ${end} bytes`)
  }
}

module.exports = { refuseCutShort }
