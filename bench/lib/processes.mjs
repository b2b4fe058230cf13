// Runs each trial in its own process and folder, one after the other.

import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const WORKER = fileURLToPath(new URL('../worker.mjs', import.meta.url))

/** Gives `work` an empty folder below `dir`, and removes it afterwards, or when the process exits. */
export async function inFolder(dir, work) {
  const folder = mkdtempSync(join(dir, 'session-store-bench-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.on('exit', remove)
  try {
    return await work(folder)
  } finally {
    process.off('exit', remove)
    remove()
  }
}

/** Runs a job in a new process and gives what it sent. */
export function runJob({ node, dir }, job) {
  return inFolder(dir, (folder) => {
    const child = fork(WORKER, [JSON.stringify({ ...job, folder })], {
      execPath: node,
      execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    let errors = ''
    let result
    child.stderr.setEncoding('utf8').on('data', (text) => (errors += text))
    child.on('message', (message) => (result = message))
    return new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => {
        if (code === 0 && result !== undefined) {
          resolve(result)
          return
        }
        const reason = /^.*Error.*$/m.exec(errors)?.[0] ?? `ended by ${signal ?? code}`
        reject(new Error(`${job.peer}, ${job.trial ?? job.task}: ${reason}\n${errors}`))
      })
    })
  })
}
