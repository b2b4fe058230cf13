// Costs that the time of a single call does not show: processor time, and bytes written to the disk.

import { readFileSync, statSync } from 'node:fs'

/** Bytes that this process wrote so far, by its calls and to the disk, where the system counts them. */
function bytesWritten() {
  try {
    const io = readFileSync('/proc/self/io', 'utf8')
    const field = (name) => Number(new RegExp(`^${name}: (\\d+)$`, 'm').exec(io)[1])
    return { written: field('wchar'), disk: field('write_bytes') }
  } catch {
    return undefined
  }
}

/** What the process has spent so far. */
export function spent() {
  return { io: bytesWritten(), cpu: process.cpuUsage() }
}

/**
 * Closes, and gives what each of `rows` cost since `before`, threads and the last checkpoint included:
 * bytes, and µs of processors. `log` is how long the write-ahead log had become, in bytes.
 */
export function closeAndCount({ stores, file }, before, rows) {
  const log = statSync(`${file}-wal`).size
  stores.close()
  const { user, system } = process.cpuUsage(before.cpu)
  const costs = { log, cpu: (user + system) / rows }
  const io = bytesWritten()
  if (io === undefined) return costs
  const { written, disk } = before.io
  return { ...costs, bytes: (io.written - written) / rows, diskBytes: (io.disk - disk) / rows }
}
