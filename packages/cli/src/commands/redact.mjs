// `gsd-sessions redact`: replaces secrets in what is stored already.

import { moment, MOMENTS } from '../amounts.mjs'
import { canAsk, confirmed } from '../ask.mjs'
import { allOptions, examples, Failure, withReader, withWriter } from '../command.mjs'
import { resolveId, SESSION } from '../naming.mjs'
import { abortable, progressBar } from '../progress.mjs'
import { redactSetting } from '../settings.mjs'
import { print } from '../streams.mjs'
import { jsonText, plural, printable } from '../style.mjs'

/** How many secrets a report has. */
const countOf = ({ redactions }) => Object.values(redactions).reduce((sum, count) => sum + count, 0)

/** The same in words, with what has them. */
function amountOf(report) {
  const chunks = report.outputs > 0 ? [plural(report.outputs, 'chunk')] : []
  const fields = report.found.some(({ field }) => field) ? ['fields of sessions'] : []
  const places = [...chunks, ...fields].join(' and ')
  return `${plural(countOf(report), 'secret')}${places && ` in ${places}`}`
}

/** Where each is, a line each: the rule, the length and the place, never the value. */
function placesOf(report) {
  const lines = report.found.map(({ sessionId, type, cursor, field, rule, length }) => {
    const place = field ?? `${type}, cursor ${cursor}`
    return `${printable(sessionId)}  ${place}  ${rule}, ${length} bytes\n`
  })
  const more = countOf(report) - report.found.length
  return lines.join('') + (more > 0 ? `and ${more} more\n` : '')
}

/** What is looked for: as the settings say, or else all that the package knows. */
async function rulesOfSettings() {
  const setting = await redactSetting()
  const { maxDelay: _, ...rules } = typeof setting === 'object' ? setting : {}
  return rules
}

/** Replaces what is found, and draws the progress. */
async function withBar({ connection }, how) {
  const bar = progressBar()
  const onProgress = ({ sessions, totalSessions }) => bar.update(sessions, totalSessions)
  try {
    return await abortable((signal) => connection.redact({ ...how, onProgress, signal }))
  } finally {
    bar.clear()
  }
}

/** Defines the command. */
export function define(command) {
  command
    .name('redact')
    .summary('replace secrets in what is stored')
    .description(
      'Replace secrets in what sessions printed, and in their commands, folders, titles and errors, and overwrite what was ' +
        'there. It looks for what the settings say, or else for all that the package knows. It asks before; without a ' +
        'terminal it wants --yes.',
    )
    .argument('[id]', `${SESSION} (default: all of them)`)
    .option('--since <moment>', 'only what was printed since (2h, 2026-03-01)', moment)
    .option('--dry-run', 'only tell where they are')
    .option('-y, --yes', 'do not ask')
  examples(command, [
    ['gsd-sessions redact --dry-run', 'where there are secrets, in all sessions'],
    ['gsd-sessions redact last --yes', 'replace those of the last session'],
  ])
  command.addHelpText('after', `\n${MOMENTS}`)
  return command.action(async (name) => {
    const options = allOptions(command)
    const { since, dryRun, json, yes } = options
    if (!dryRun && !yes && !canAsk()) {
      command.error('error: there is nobody to ask here: --yes replaces, --dry-run only tells')
    }
    const rules = await rulesOfSettings()
    const howFor = (stores) => {
      const sessionId = name === undefined ? undefined : resolveId(stores, name)
      return { ...rules, sessionId, since }
    }
    const tell = (report, what) =>
      print(json ? `${jsonText(report)}\n` : `${placesOf(report)}${what}: ${amountOf(report)}\n`)
    if (dryRun) {
      return withReader(options, async (stores) =>
        tell(await withBar(stores, { ...howFor(stores), dryRun }), 'would be replaced'),
      )
    }
    return withWriter(options, async (stores) => {
      const how = howFor(stores)
      if (!yes) {
        const plan = await withBar(stores, { ...how, dryRun: true })
        if (countOf(plan) === 0) return tell(plan, 'replaced')
        if (!json) await print(placesOf(plan))
        if (!(await confirmed(`Replace ${amountOf(plan)}?`))) {
          throw new Failure('nothing was replaced')
        }
      }
      return tell(await withBar(stores, how), 'replaced')
    })
  })
}
