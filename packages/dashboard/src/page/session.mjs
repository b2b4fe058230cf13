// One session: what is known of it, and what it printed.

import { get, post } from './api.mjs'
import { el, linkTo, spanText, statusOf, tell, timeOf } from './dom.mjs'

/** What is known, as a list of terms. */
function factsOf(session) {
  const { startedAt, endedAt, lastOutput, exitCode, signal, sizes } = session
  const { columns, rows } = sizes.at(-1)
  const facts = {
    State: session.isGone ? 'removed' : statusOf(session.status),
    'Exit code': exitCode,
    Signal: signal,
    Error: session.error,
    Machine: session.host,
    Command: session.currentCommand,
    Folder: session.workingDir,
    Started: timeOf(startedAt),
    Took: endedAt ? spanText(startedAt, endedAt) : undefined,
    'Printed last': lastOutput ? timeOf(lastOutput) : undefined,
    Terminal: `${columns} columns, ${rows} rows`,
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

const VIEWS = { output: 'Output', player: 'Player' }

/** Shows a session. */
export async function show(main, values, { signal, about }) {
  const { id } = values
  let session = await get('session', { id }, { signal })
  document.title = `${session.title ?? id} – sessions`
  const facts = el('div', {}, factsOf(session))
  const place = el('div')
  const view = Object.hasOwn(VIEWS, values.view ?? '') ? values.view : 'output'
  const tabs = Object.entries(VIEWS).map(([name, label]) =>
    el(
      'a',
      {
        href: linkTo('session', { id, view: name === 'output' ? undefined : name }),
        'aria-current': name === view ? 'page' : undefined,
      },
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
  if (signal.aborted) return
  const box = el('div', { class: 'screen', role: 'region', 'aria-label': 'Output', tabindex: '0' })
  place.append(box)
  const becomes = (now) => {
    session = { ...session, ...now }
    facts.replaceChildren(factsOf(session))
  }
  const follows = { session: becomes, over: becomes, gone: () => becomes({ isGone: true }) }
  const screen = new Screen(box, session, { signal, follows })
  await (values.cursor === undefined ? screen.end() : screen.around(Number(values.cursor)))
}
