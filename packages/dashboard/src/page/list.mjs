// The sessions: which there are, and what they do now.

import { events, get } from './api.mjs'
import { el, linkTo, spanText, statusOf, timeOf } from './dom.mjs'

const STATUSES = ['', 'running', 'waiting_checkpoint', 'idle', 'completed', 'failed']

/** How long nothing may happen until the list is asked for again, in milliseconds. */
const SETTLE = 250

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

const cell = (label, ...children) => el('td', { 'data-label': label }, ...children)

/** A session as a row. */
function rowOf(session, hasHosts) {
  const { id, status, startedAt, endedAt, exitCode, signal, lastOutput, slot } = session
  const took = endedAt ? spanText(startedAt, endedAt) : ''
  const quiet = !endedAt && lastOutput ? `${spanText(lastOutput)} ago` : ''
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
    cell('Printed', quiet),
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
  const draw = (sessions, hasMore) => {
    shown = sessions
    const before = document.activeElement?.closest('tr')?.dataset.id
    body.replaceChildren(...sessions.map((session) => rowOf(session, hasHosts)))
    if (before) body.querySelector(`tr[data-id="${CSS.escape(before)}"] a`)?.focus()
    more.hidden = !hasMore
    const none = 'No session meets this.'
    count.textContent =
      sessions.length === 0 ? none : `${sessions.length}${hasMore ? ' of more' : ''}`
  }
  const ask = async (given) => get('sessions', { ...values, ...given }, { signal })
  const first = await ask({})
  draw(first.sessions, first.more)
  more.addEventListener('click', async () => {
    const next = await ask({ before: shown.at(-1).id })
    draw([...shown, ...next.sessions], next.more)
  })
  let timer
  const refresh = async () => {
    timer = undefined
    if (document.hidden) return
    const again = await ask({ limit: Math.max(shown.length, 100) }).catch(() => undefined)
    if (again) draw(again.sessions, again.more)
  }
  const source = events('changes', {}, { changed: () => (timer ??= setTimeout(refresh, SETTLE)) })
  document.addEventListener('visibilitychange', refresh, { signal })
  signal.addEventListener('abort', () => {
    source.close()
    clearTimeout(timer)
  })
}
