// Search in what sessions printed: each search has an address of its own, which can be shared.

import { lines } from './api.mjs'
import { el, linkTo, momentText } from './dom.mjs'

/** Matches that are shown unless the address says otherwise, and at most. */
const SHOWN = 200
const MOST = 5_000

/** The fields of a search. */
function formOf(values) {
  const check = (name, label) =>
    el(
      'label',
      { class: 'check' },
      el('input', { type: 'checkbox', name, value: '1', checked: values[name] === '1' }),
      label,
    )
  const form = el(
    'form',
    { role: 'search', 'aria-label': 'Output' },
    el(
      'label',
      {},
      'Text',
      el('input', { type: 'search', name: 'q', value: values.q ?? '', required: true }),
    ),
    el('label', {}, 'In the session', el('input', { name: 'id', value: values.id ?? '' })),
    el(
      'label',
      {},
      'Since',
      el('input', { name: 'since', value: values.since ?? '', placeholder: '2h, 1d' }),
    ),
    check('regex', 'Regular expression'),
    check('case', 'Upper and lower case differ'),
    check('drawn', 'What was drawn over as well'),
    el('button', {}, 'Search'),
  )
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    const given = linkTo('search', Object.fromEntries(new FormData(form)))
    if (location.hash === given) dispatchEvent(new HashChangeEvent('hashchange'))
    else location.hash = given
  })
  return form
}

/** A match with the lines around it. */
function matchOf(match) {
  const { sessionId, line, lineNumber, start, end, before, after, timestamp, cursor, host } = match
  const marked = [line.slice(0, start), el('mark', {}, line.slice(start, end)), line.slice(end)]
  const around = (all) => all.map((text) => el('span', { class: 'soft' }, `${text}\n`))
  const output = linkTo('session', { id: sessionId, cursor })
  const moment = linkTo('session', { id: sessionId, view: 'player', at: Date.parse(timestamp) })
  const place = `${host === undefined ? '' : `${host}, `}line ${lineNumber}, ${momentText(timestamp)}`
  return el(
    'li',
    {},
    el(
      'p',
      {},
      el('a', { href: output }, sessionId),
      ` ${place} `,
      el('a', { href: moment }, 'play'),
    ),
    el('pre', { tabindex: '0' }, around(before), marked, '\n', around(after)),
  )
}

/** Shows the search of an address. */
export async function show(main, values, { signal }) {
  const form = formOf(values)
  const told = el('p', { class: 'soft', role: 'status' })
  const found = el('ol', { class: 'matches' })
  main.append(el('h1', {}, 'Search'), form, told, found)
  if (!values.q) {
    form.elements.q.focus()
    return
  }
  document.title = `${values.q} – search`
  told.textContent = 'Searching …'
  const limit = Math.min(Number(values.limit) || SHOWN, MOST)
  let count = 0
  try {
    // One more tells whether there are more.
    const given = { ...values, context: 2, limit: limit + 1 }
    for await (const match of lines('search', given, { signal })) {
      if (count++ < limit) found.append(matchOf(match))
    }
    told.textContent = count === 0 ? 'No line matches.' : `${count} lines match.`
    if (count <= limit) return
    told.textContent = `These are the first ${limit} lines that match. `
    if (limit === MOST) return
    told.append(el('a', { href: linkTo('search', { ...values, limit: limit * 5 }) }, 'More'))
  } catch (error) {
    if (signal.aborted) return
    told.className = 'failure'
    told.textContent = error.message
  }
}
