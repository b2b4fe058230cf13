// How much there is, and what pruning would give back.

import { get, post } from './api.mjs'
import { bytesText, el, linkTo, momentText, tell } from './dom.mjs'

/** Bars with their names, the longest first. */
function barsOf(label, rows) {
  const most = Math.max(1, ...rows.map(({ value }) => value))
  const bars = rows.map(({ value }, at) =>
    el('rect', { x: 160, y: at * 24 + 4, width: (value / most) * 460, height: 16 }),
  )
  const names = rows.map(({ name, text }, at) => [
    el('text', { x: 150, y: at * 24 + 16, 'text-anchor': 'end' }, name.slice(0, 22)),
    el('text', { x: 625, y: at * 24 + 16 }, text),
  ])
  return el(
    'svg',
    {
      class: 'chart',
      viewBox: `0 0 720 ${rows.length * 24 + 4}`,
      role: 'img',
      'aria-label': `${label}: ${rows.map(({ name, text }) => `${name} ${text}`).join(', ')}`,
    },
    bars,
    names.flat(),
  )
}

/** A form that tells what pruning would remove, and removes it for those who may. */
function pruning() {
  const field = el('input', { name: 'olderThan', value: '30d', required: true })
  const told = el('p', { class: 'soft', role: 'status' })
  const run = async (dryRun) => {
    try {
      const report = await post('prune', { olderThan: field.value, dryRun })
      const count = Array.isArray(report.sessions) ? report.sessions.length : report.sessions
      told.textContent = `${count} sessions ${dryRun ? 'would be' : 'are'} removed.`
    } catch (error) {
      tell(error.message)
    }
  }
  const form = el(
    'form',
    {},
    el('label', {}, 'Older than', field),
    el('button', {}, 'What would go?'),
    el(
      'button',
      { type: 'button', class: 'danger', onclick: () => confirm('Remove them?') && run(false) },
      'Remove',
    ),
  )
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void run(true)
  })
  return [el('h2', {}, 'Prune'), form, told]
}

/** Shows them. */
export async function show(main, _values, { signal, about }) {
  main.append(el('h1', {}, 'Statistics'), el('p', { class: 'soft', role: 'status' }, 'Counting …'))
  const stats = await get('stats', { amounts: 1 }, { signal })
  main.replaceChildren(el('h1', {}, 'Statistics'))
  if (about.kind === 'fleet') {
    const rows = stats.stores.map(({ host, path, sessions, pushedAt }) =>
      el(
        'tr',
        {},
        [host, path, sessions, momentText(pushedAt)].map((value) => el('td', {}, value)),
      ),
    )
    const heads = ['Machine', 'File', 'Sessions', 'Pushed last']
    const head = el(
      'tr',
      {},
      heads.map((name) => el('th', { scope: 'col' }, name)),
    )
    main.append(el('table', {}, el('thead', {}, head), el('tbody', {}, rows)))
    return
  }
  const facts = {
    Chunks: stats.outputs.toLocaleString(),
    Text: bytesText(stats.bytes),
    From: momentText(stats.oldest),
    To: momentText(stats.newest),
    File: `${bytesText(stats.fileBytes)}, ${bytesText(stats.freeBytes)} of it free`,
    Log: bytesText(stats.walBytes),
  }
  const counts = Object.entries(stats.sessions).filter(([, count]) => count > 0)
  main.append(
    el(
      'dl',
      {},
      Object.entries(facts).map(([name, text]) => [el('dt', {}, name), el('dd', {}, text)]),
    ),
    el('h2', {}, 'Sessions by state'),
    barsOf(
      'Sessions by state',
      counts.map(([name, value]) => ({ name, value, text: value.toLocaleString() })),
    ),
    el('h2', {}, 'Those that printed most'),
    barsOf(
      'Those that printed most',
      stats.largest.map(({ sessionId, bytes }) => ({
        name: sessionId,
        value: bytes,
        text: bytesText(bytes),
      })),
    ),
    el(
      'ul',
      {},
      stats.largest.map(({ sessionId }) =>
        el('li', {}, el('a', { href: linkTo('session', { id: sessionId }) }, sessionId)),
      ),
    ),
  )
  if (about.rights.prune) main.append(...pruning())
}
