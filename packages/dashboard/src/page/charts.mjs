// Charts. Their texts are those of the page, at its size: only what is measured is drawn.

import { el, linkTo, momentText } from './dom.mjs'

const HOUR = 3_600_000
const DAY = 24 * HOUR

/**
 * Lengths of time, and what a chart by them is called.
 *
 * @type {[number, string][]}
 */
const STEPS = [
  [HOUR, 'hour'],
  [6 * HOUR, 'six hours'],
  [DAY, 'day'],
  [7 * DAY, 'week'],
  [28 * DAY, 'four weeks'],
  [365.25 * DAY, 'year'],
  [3652.5 * DAY, 'ten years'],
  [365_250 * DAY, 'thousand years'],
]

/** Columns of a chart at most. */
const COLUMNS = 168

/** Lanes of a chart at most. */
const LANES = 64

const drawing = (label, width, height, ...children) =>
  el(
    'svg',
    {
      viewBox: `0 0 ${width} ${height}`,
      preserveAspectRatio: 'none',
      role: 'img',
      'aria-label': label,
    },
    ...children,
  )

/** Amounts by time, in steps that are as long as a chart needs: what a step is called, its start and its amount. The periods are `every` ms long. */
export function byTime(periods, every) {
  if (periods.length === 0) return { step: 'hour', columns: [] }
  const times = periods.map(({ start }) => new Date(start).getTime())
  const [first, last] = [times[0], times.at(-1)]
  const found = STEPS.find(([length]) => length >= every && (last - first) / length < COLUMNS - 1)
  const [length, step] = found ?? STEPS.at(-1)
  // A day is one of the reader, where periods are short enough to tell.
  const zone = length < DAY || every > HOUR ? 0 : new Date(last).getTimezoneOffset() * 60_000
  const indexOf = (time) => Math.floor((time - zone) / length)
  const begin = indexOf(first)
  const columns = Array.from({ length: indexOf(last) - begin + 1 }, (_, at) => ({
    start: (begin + at) * length + zone,
    bytes: 0,
  }))
  periods.forEach(({ bytes }, at) => (columns[indexOf(times[at]) - begin].bytes += bytes))
  return { step, columns }
}

/** Columns over time. */
export function columnChart(label, columns, text) {
  const most = Math.max(1, ...columns.map(({ bytes }) => bytes))
  const drawn = columns.map(({ start, bytes }, at) => {
    const height = bytes === 0 ? 0 : Math.max(1, (bytes / most) * 100)
    return el(
      'rect',
      { x: at + 0.05, y: 100 - height, width: 0.9, height },
      el('title', {}, `${momentText(start)}: ${text(bytes)}`),
    )
  })
  const [first, last] = [columns[0], columns.at(-1)]
  const told = `${label}, from ${momentText(first.start)} to ${momentText(last.start)}: at most ${text(most)}`
  return el(
    'figure',
    { class: 'chart columns' },
    drawing(told, columns.length, 100, drawn),
    el(
      'figcaption',
      { class: 'ends' },
      el('span', {}, momentText(first.start)),
      el('span', {}, `at most ${text(most)}`),
      el('span', {}, momentText(last.start)),
    ),
  )
}

/** Bars with their names. */
export function barChart(label, rows) {
  const most = Math.max(1, ...rows.map(({ value }) => value))
  const drawn = rows.map(({ name, href, value, text }) =>
    el(
      'tr',
      {},
      el('th', { scope: 'row' }, href ? el('a', { href }, name) : name),
      el('td', { class: 'number' }, text),
      el(
        'td',
        { class: 'drawn', 'aria-hidden': 'true' },
        drawing('', most, 1, el('rect', { width: value, height: 1 })),
      ),
    ),
  )
  return el('table', { class: 'chart bars', 'aria-label': label }, el('tbody', {}, drawn))
}

/** What ran in which slot when: the sessions of the last week in which there are any. */
export function laneChart(sessions) {
  const now = Date.now()
  const spans = sessions.map((session) => {
    const from = Date.parse(session.startedAt)
    const quiet = Date.parse(session.endedAt ?? session.lastOutput ?? session.startedAt)
    const to = session.status === 'running' ? now : Math.max(from, quiet)
    const lane = [session.host, `Slot ${session.slot}`].filter(Boolean).join(', ')
    return { ...session, from, to, lane }
  })
  const to = Math.max(...spans.map((span) => span.to))
  const from = Math.max(to - 7 * DAY, Math.min(...spans.map((span) => span.from)))
  const shown = spans.filter((span) => span.to >= from)
  const across = Math.max(1, to - from)
  const place = (time) => ((Math.max(time, from) - from) / across) * 1000
  const inOrder = new Intl.Collator(undefined, { numeric: true }).compare
  const lanes = [...new Set(shown.map(({ lane }) => lane))].sort(inOrder)
  const drawn = lanes.slice(0, LANES).map((lane) => {
    const own = shown.filter((span) => span.lane === lane)
    const bars = own.map((span) =>
      el(
        'rect',
        {
          class: span.status,
          x: place(span.from),
          width: Math.max(2, place(span.to) - place(span.from)),
          height: 10,
          onclick: () => (location.hash = linkTo('session', { id: span.id })),
        },
        el('title', {}, `${span.title ?? span.id}: ${span.status}, ${momentText(span.from)}`),
      ),
    )
    const label = `${lane}: ${own.map(({ id, status }) => `${id} ${status}`).join(', ')}`
    return el(
      'tr',
      {},
      el('th', { scope: 'row' }, lane),
      el('td', { class: 'drawn' }, drawing(label, 1000, 10, bars)),
    )
  })
  const left = lanes.length - drawn.length
  return el(
    'figure',
    { class: 'chart lanes' },
    el('table', { 'aria-label': 'Slots over time' }, el('tbody', {}, drawn)),
    el(
      'figcaption',
      { class: 'ends' },
      el('span', {}, momentText(from)),
      left > 0 ? el('span', {}, `${left} more are not shown`) : undefined,
      el('span', {}, momentText(to)),
    ),
  )
}
