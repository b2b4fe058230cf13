// `gsd-fleet push`: sends a file, once or as it grows.

import { hostname, setPriority } from 'node:os'
import {
  abortable,
  allOptions,
  bytesText,
  complain,
  databasePath,
  examples,
  Failure,
  integer,
  jsonText,
  plural,
  print,
  printable,
  progressBar,
  redactSetting,
} from 'gsd-sessions'
import { existsSync } from 'node:fs'
import { Cluster } from '../cluster.mjs'
import { Shipping, TIMEOUT } from '../shipping.mjs'
import { INTERVAL, watch } from '../watch.mjs'

/** Milliseconds of a push before a bar is drawn: most take less. */
const BEFORE_BAR = 500

/** What was sent, as people read it. */
function told(path, { sessions, outputs, bytes, sentBytes, failed }) {
  const size = outputs === 0 ? '' : `, ${bytesText(bytes)} as ${bytesText(sentBytes)}`
  const left = failed.length === 0 ? '' : `; ${plural(failed.length, 'session')} cannot be sent`
  return `${printable(path)}: ${plural(sessions, 'session')}, ${plural(outputs, 'chunk')}${size}${left}\n`
}

/** Prints what happens while nobody looks: a line of JSON for each event. */
const log = (event, fields) =>
  print(`${jsonText({ time: new Date().toISOString(), host: hostname(), event, ...fields })}\n`)

async function once(shipping, path, json) {
  const report = await shipping.push()
  if (json) await print(`${jsonText({ path, ...report })}\n`)
  else await print(told(path, report))
  for (const { session, reason } of report.failed) {
    complain(`session ${JSON.stringify(session)} is not sent: ${reason}`)
  }
  if (report.failed.length > 0) process.exitCode = 1
}

async function always(shipping, path, { interval, json, signal }) {
  // Whoever prints goes first.
  setPriority(10)
  const isShown = process.stdout.isTTY && !json
  const onPush = (report) =>
    isShown ? print(told(path, report)) : log('pushed', { path, ...report })
  /** @param {NodeJS.ErrnoException} error */
  const onError = ({ code, message }) =>
    isShown ? complain(message) : log('failed', { path, code, message })
  if (!isShown) await log('watching', { path })
  await watch(shipping, { interval, signal, onPush, onError })
  if (!isShown) await log('ended', { path })
}

/** Defines the command. */
export function define(command) {
  command
    .name('push')
    .summary('send what a file has, once or as it grows')
    .description('Send the sessions of a file to a cluster: all that the cluster has not.')
    .option('--db <file>', 'the file (default: $GSD_SESSIONS_DB or ~/.gsd-harness/sessions.db)')
    .option('--watch', 'go on with what comes, until a signal ends it')
    .option(
      '--interval <milliseconds>',
      'the pause between two looks at the file',
      integer(10),
      INTERVAL,
    )
    .option('--redact', 'replace secrets in what is sent, as the settings say or else all kinds')
    .option('--follow-removals', 'remove the output of sessions that are removed from the file')
  examples(command, [
    ['gsd-fleet push', 'send what is there'],
    ['gsd-fleet push --watch', 'send it, and what comes: as a service'],
    ['gsd-fleet push --db backup.db', 'send another file'],
  ])
  return command.action(async () => {
    const options = allOptions(command)
    const path = databasePath(options)
    if (!existsSync(path)) throw new Failure(`there is no file ${JSON.stringify(path)}`)
    const redact = options.redact && ((await redactSetting()) || true)
    const bar = options.json ? undefined : progressBar()
    await abortable(async (signal) => {
      const cluster = new Cluster(options.to, { signal, timeout: TIMEOUT })
      let began = 0
      const shipping = new Shipping(cluster, path, {
        removals: options.followRemovals ? 'follow' : 'keep',
        redact,
        onProgress: ({ done, total }) => {
          if (performance.now() > began + BEFORE_BAR) {
            bar?.update(Math.round(done * 1000), total * 1000)
          }
        },
      })
      const shown = {
        push: () => {
          began = performance.now()
          return shipping.push().finally(() => bar?.clear())
        },
      }
      try {
        if (options.watch) await always(shown, path, { ...options, signal })
        else await once(shown, path, options.json)
      } finally {
        await shipping.close()
      }
    })
  })
}
