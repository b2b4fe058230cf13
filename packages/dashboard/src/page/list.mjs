// The sessions: which there are, and what they do now.

import { events, get } from './api.mjs'
import { el, linkTo, spanText, statusOf, tell, timeOf } from './dom.mjs'

const STATUSES = ['', 'running', 'waiting_checkpoint', 'idle', 'completed', 'failed']

/** How long nothing may happen until the list is asked for again, in milliseconds. */
const SETTLE = 250

/** Sessions that are shown at first. */
const FIRST = 100

/** The fields of a filter. */
function filterOf(values) {
  const text = (name, label, more = {}) =>
    el('label', {}, label, el('input', { name, value: values[name] ?? '', ...more }))
  const options = STATUSES.map((status) =>
    el('option', { value: status, selected: status === (values.status ?? '') }, status || 'any'),
  )
  const form = el(
    'form',
    { role: 'search', 'aria-label': 'Sessions' },
    el('label', {}, 'State', el('select', { name: 'status' }, options)),
    text('command', 'Command or title', { type: 'search' }),
    text('dir', 'Folder'),
    text('since', 'Since', { placeholder: '2h, 1d, 2026-03-01' }),
    el('button', {}, 'Show'),
  )
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    location.hash = linkTo('sessions', Object.fromEntries(new FormData(form)))
  })
  form.elements.status.addEventListener('change', () => form.requestSubmit())
  return form
}

const pause = (span) => new Promise((resolve) => setTimeout(resolve, span))

const cell = (label, ...children) => el('td', { 'data-label': label }, ...children)

/** How long ago something was. The rows say it anew each second. */
const ageText = (moment) => `${spanText(moment)} ago`

/** A session as a row. */
function rowOf(session, hasHosts) {
  const { id, status, startedAt, endedAt, exitCode, signal, lastOutput, slot } = session
  const took = endedAt ? spanText(startedAt, endedAt) : ''
  const quiet = !endedAt && lastOutput
  const age = quiet ? el('span', { 'data-since': lastOutput }, ageText(lastOutput)) : ''
  return el(
    'tr',
    { 'data-id': id },
    hasHosts ? cell('Machine', session.host) : undefined,
    el('td', {}, el('a', { href: linkTo('session', { id }) }, session.title ?? id)),
    cell('Slot', slot),
    el('td', {}, statusOf(status)),
    cell('Exit', exitCode ?? signal ?? ''),
    cell('Started', timeOf(startedAt)),
    cell('Took', took),
    cell('Printed', age),
    cell('Command', session.currentCommand ?? session.workingDir),
  )
}

/** Shows the list. */
export async function show(main, values, { signal, about }) {
  const hasHosts = about.kind === 'fleet'
  const heads = [
    hasHosts ? 'Machine' : [],
    'Session',
    'Slot',
    'State',
    'Exit',
    'Started',
    'Took',
    'Printed',
    'Command',
  ]
  const body = el('tbody')
  const more = el('button', { type: 'button', hidden: true }, 'More')
  const count = el('p', { class: 'soft', 'aria-live': 'polite' })
  const head = el(
    'tr',
    {},
    heads.flat().map((name) => el('th', { scope: 'col' }, name)),
  )
  main.append(
    el('h1', {}, 'Sessions'),
    filterOf(values),
    count,
    el('table', { class: 'sessions' }, el('thead', {}, head), body),
    more,
  )
  let shown = []
  let cursor
  const draw = (page, sessions = page.sessions) => {
    shown = sessions
    cursor = page.cursor
    const before = document.activeElement?.closest('tr')?.dataset.id
    body.replaceChildren(...sessions.map((session) => rowOf(session, hasHosts)))
    if (before) body.querySelector(`tr[data-id="${CSS.escape(before)}"] a`)?.focus()
    more.hidden = !page.more
    const none = 'No session meets this.'
    count.textContent =
      sessions.length === 0 ? none : `${sessions.length}${page.more ? ' of more' : ''}`
  }
  const ask = (given) => get('sessions', { limit: FIRST, ...values, ...given }, { signal })
  draw(await ask({}))
  // What is asked for comes one after another, or a list would be older than what it replaces.
  let turn = Promise.resolve()
  const inTurn = (work) =>
    (turn = turn.then(work).catch((error) => signal.aborted || tell(error.message)))
  more.addEventListener('click', () =>
    inTurn(async () => {
      const next = await ask({ before: cursor })
      draw(next, [...shown, ...next.sessions])
    }),
  )
  /** Asks for as many as are shown. */
  const again = async () => {
    const wanted = shown.length
    let page = await ask({ limit: Math.max(wanted, FIRST) })
    const sessions = page.sessions
    while (page.more && sessions.length < wanted) {
      page = await ask({ before: page.cursor, limit: wanted - sessions.length })
      sessions.push(...page.sessions)
    }
    draw(page, sessions)
  }
  let [isStale, isBusy] = [false, false]
  const refresh = async () => {
    isStale = true
    if (isBusy) return
    isBusy = true
    while (isStale && !signal.aborted) {
      await pause(SETTLE)
      isStale = false
      const began = performance.now()
      await inTurn(again)
      // A list that takes long is not asked for all the time.
      await pause(4 * (performance.now() - began))
    }
    isBusy = false
  }
  events('changes', {}, { changed: refresh, open: refresh }, { signal })
  const aging = setInterval(() => {
    for (const age of body.querySelectorAll('[data-since]'))
      age.textContent = ageText(age.dataset.since)
  }, 1_000)
  signal.addEventListener('abort', () => clearInterval(aging))
}
