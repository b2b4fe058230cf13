// One session: what is known of it, and what it printed.

import { get, post } from './api.mjs'
import { el, linkTo, spanText, statusOf, tell, timeOf } from './dom.mjs'

/** What is known, as a list of terms. */
function factsOf(session) {
  const { startedAt, endedAt, lastOutput, exitCode, signal, sizes } = session
  const size = sizes?.at(-1)
  const facts = {
    State: statusOf(session.status),
    'Exit code': exitCode,
    Signal: signal,
    Error: session.error,
    Machine: session.host,
    Command: session.currentCommand,
    Folder: session.workingDir,
    Started: timeOf(startedAt),
    Took: endedAt ? spanText(startedAt, endedAt) : undefined,
    'Printed last': lastOutput ? timeOf(lastOutput) : undefined,
    Terminal: size?.columns ? `${size.columns} columns, ${size.rows} rows` : undefined,
  }
  const told = Object.entries(facts).filter(([, value]) => value !== undefined && value !== null)
  return el(
    'dl',
    {},
    told.map(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]),
  )
}

/** A way to remove it, for those who may. */
function removal({ id }) {
  const remove = async () => {
    if (!confirm(`Remove the session ${id} and all that it printed?`)) return
    try {
      await post('delete', { id })
      tell('It is removed.')
      location.hash = linkTo('sessions')
    } catch (error) {
      tell(error.message)
    }
  }
  return el('button', { type: 'button', class: 'danger', onclick: remove }, 'Remove')
}

/** Shows a session. */
export async function show(main, values, { signal, about }) {
  const { id } = values
  const session = await get('session', { id }, { signal })
  document.title = `${session.title ?? id} – sessions`
  const facts = el('div', {}, factsOf(session))
  const place = el('div')
  const isOver = ['completed', 'failed'].includes(session.status)
  const views = {
    output: ['Output', { id }],
    ...(isOver ? { player: ['Player', { id, view: 'player' }] } : {}),
  }
  const view = Object.hasOwn(views, values.view ?? '') ? values.view : 'output'
  const tabs = Object.entries(views).map(([name, [label, link]]) =>
    el(
      'a',
      { href: linkTo('session', link), 'aria-current': name === view ? 'page' : undefined },
      label,
    ),
  )
  main.append(
    el('h1', {}, session.title ?? id),
    facts,
    el(
      'div',
      { class: 'bar tabs' },
      tabs,
      el('a', { href: linkTo('search', { id }) }, 'Search in it'),
      about.rights.delete ? removal(session) : undefined,
    ),
    place,
  )
  if (view === 'player') {
    const player = await import('./player.mjs')
    const at = values.at === undefined ? undefined : Number(values.at)
    await player.show(place, session, { signal, at })
    return
  }
  const { Screen } = await import('./terminal.mjs')
  const box = el('div', { class: 'screen', role: 'region', 'aria-label': 'Output', tabindex: '0' })
  place.append(box)
  const screen = new Screen(box, session, { signal })
  if (values.cursor !== undefined) {
    await screen.around(Number(values.cursor))
    return
  }
  const onOver = (now) => facts.replaceChildren(factsOf({ ...session, ...now }))
  await screen.end({ onOver })
}
