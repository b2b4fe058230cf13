// How much there is, when it was printed, and what pruning and packing would give back.

import { get, post } from './api.mjs'
import { barChart, byTime, columnChart, laneChart } from './charts.mjs'
import { bytesText, el, linkTo, momentText, tell } from './dom.mjs'

const count = (number) => number.toLocaleString()

const PERCENT = new Intl.NumberFormat(undefined, { style: 'percent' })

/** What pruning and packing would give back, as sentences. */
function savingsText({ freeBytes, prune, seal }) {
  const of = (bytes) => (bytes === undefined ? '' : ` with ${bytesText(bytes)} of text`)
  const told = [`Pruning would remove ${count(prune.sessions)} sessions${of(prune.bytes)}.`]
  if (seal?.sessions === 0) told.push('Nothing is left to pack: gsd-sessions seal has done it.')
  if (seal?.packedShare !== undefined) {
    const part = PERCENT.format(seal.packedShare)
    const packed = `${bytesText(seal.bytes)} of text in about ${part} of that`
    told.push(`gsd-sessions seal would pack ${count(seal.sessions)} sessions, ${packed}.`)
  }
  if (freeBytes > 0) told.push(`${bytesText(freeBytes)} of the file are free now.`)
  return told.join(' ')
}

/** A form that tells what would go, and removes it for those who may. */
function saving(rights) {
  const field = el('input', { name: 'olderThan', value: '30d', required: true })
  const told = el('p', { class: 'soft', role: 'status' })
  const busy = async (work) => {
    told.textContent = 'Looking …'
    told.textContent = await work().catch((error) => {
      tell(error.message)
      return ''
    })
  }
  const look = () => busy(async () => savingsText(await get('savings', { olderThan: field.value })))
  const prune = () =>
    busy(async () => {
      if (!confirm(`Remove the sessions that are older than ${field.value}?`)) return ''
      const { sessions } = await post('prune', { olderThan: field.value })
      return `${count(sessions.length ?? sessions)} sessions are removed.`
    })
  const removes = el('button', { type: 'button', class: 'danger', onclick: prune }, 'Remove')
  const form = el(
    'form',
    {},
    el('label', {}, 'Older than', field),
    el('button', {}, 'What would it give back?'),
    rights.prune ? removes : undefined,
  )
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void look()
  })
  return [el('h2', {}, 'Pruning and packing'), form, told]
}

function machines({ stores }) {
  const heads = ['Machine', 'File', 'Sessions', 'Pushed last'].map((name) =>
    el('th', { scope: 'col' }, name),
  )
  const rows = stores.map(({ host, path, sessions, pushedAt }) =>
    el(
      'tr',
      {},
      [host, path, sessions, momentText(pushedAt)].map((value) => el('td', {}, value)),
    ),
  )
  return el('table', {}, el('thead', {}, el('tr', {}, heads)), el('tbody', {}, rows))
}

/** What a file holds. */
function amounts(stats) {
  const facts = {
    Chunks: count(stats.outputs),
    Text: bytesText(stats.bytes),
    From: momentText(stats.oldest),
    To: momentText(stats.newest),
    File: `${bytesText(stats.fileBytes)}, ${bytesText(stats.freeBytes)} of it free`,
    Log: bytesText(stats.walBytes),
  }
  const states = Object.entries(stats.sessions)
    .filter(([, sessions]) => sessions > 0)
    .map(([status, value]) => ({
      name: status.replace('_', ' '),
      href: linkTo('sessions', { status }),
      value,
      text: count(value),
    }))
  const largest = stats.largest.map(({ sessionId, bytes }) => ({
    name: sessionId,
    href: linkTo('session', { id: sessionId }),
    value: bytes,
    text: bytesText(bytes),
  }))
  return [
    el(
      'dl',
      {},
      Object.entries(facts).map(([name, text]) => [el('dt', {}, name), el('dd', {}, text)]),
    ),
    ...overTime(stats),
    el('h2', {}, 'Sessions by state'),
    barChart('Sessions by state', states),
    el('h2', {}, 'Sessions that printed most'),
    barChart('Sessions that printed most', largest),
  ]
}

/** How much was printed when, and how that has added up. */
function overTime({ periods, every }) {
  const { step, columns } = byTime(periods, every)
  if (columns.length === 0) return []
  let sum = 0
  const grown = columns.map(({ start, bytes }) => ({ start, bytes: (sum += bytes) }))
  return [
    el('h2', {}, `Output by ${step}`),
    columnChart(`Output by ${step}`, columns, bytesText),
    el('h2', {}, 'Growth'),
    el('p', { class: 'soft' }, 'The text that is stored now, by when it was printed.'),
    columnChart('Growth', grown, bytesText),
  ]
}

/** Shows them. */
export async function show(main, _values, { signal, about }) {
  const waiting = el('p', { class: 'soft', role: 'status' }, 'Counting …')
  main.append(el('h1', {}, 'Statistics'), waiting)
  const [stats, { sessions }] = await Promise.all([
    get('stats', { amounts: 1 }, { signal }),
    get('sessions', { limit: 500 }, { signal }),
  ])
  waiting.replaceWith(
    ...(about.kind === 'fleet' ? [machines(stats)] : amounts(stats)),
    ...(sessions.length > 0 ? [el('h2', {}, 'Slots over time'), laneChart(sessions)] : []),
    ...saving(about.rights),
  )
}
