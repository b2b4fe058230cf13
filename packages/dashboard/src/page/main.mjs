// The page: who looks, and which part of it is shown.

import { get, post, Refused } from './api.mjs'
import { el, linkTo } from './dom.mjs'
import * as list from './list.mjs'
import * as search from './search.mjs'
import * as session from './session.mjs'
import * as statistics from './statistics.mjs'

const PAGES = { sessions: list, session, search, statistics }

/** How long after the first page what the next one needs is loaded, in milliseconds. */
const WARM = 200

const main = /** @type {HTMLElement} */ (document.querySelector('#main'))

let about

/**
 * Gives the token of the address to the server, and takes it out of the address and the history. Then the server may tell
 * what it shows.
 */
async function login() {
  const [, token] = /^#token=(.+)$/.exec(location.hash) ?? []
  if (token !== undefined) {
    history.replaceState(null, '', `${location.pathname}#/sessions`)
    await post('login', { token })
  } else if (about !== undefined) return
  about = await get('about')
  document.querySelector('#where').textContent = about.where
}

/** What is shown to those without a token. */
function refused(error) {
  const isUnknown = error instanceof Refused && error.status === 401
  main.replaceChildren(
    el('h1', {}, isUnknown ? 'Who are you?' : 'That went wrong'),
    el(
      'p',
      { class: 'failure' },
      isUnknown
        ? 'Open the address that the command has printed: it has the token of this server.'
        : error.message,
    ),
  )
}

let leave = () => {}

/** Shows the page of the address. */
async function show() {
  leave()
  const left = new AbortController()
  leave = () => left.abort()
  main.replaceChildren()
  try {
    await login()
    if (!left.signal.aborted) await showPage(left.signal)
  } catch (error) {
    if (!left.signal.aborted) refused(error)
  }
}

/** Shows the page of the address, until it is left. */
function showPage(signal) {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?')
  const name = Object.hasOwn(PAGES, path) ? path : 'sessions'
  for (const link of document.querySelectorAll('nav a')) {
    if (link.getAttribute('data-page') === name) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
  document.title = 'Sessions'
  return PAGES[name].show(main, Object.fromEntries(new URLSearchParams(query)), { signal, about })
}

/** Goes where a letter leads, unless somebody types. */
function onKey(event) {
  const { key, target } = event
  if (
    event.ctrlKey ||
    event.metaKey ||
    event.altKey ||
    target.closest('input, select, textarea, .xterm')
  )
    return
  const goes = { l: 'sessions', s: 'search', t: 'statistics' }[key]
  if (goes) location.hash = linkTo(goes)
  if (key === '/') {
    event.preventDefault()
    const field = main.querySelector('input[type=search]')
    if (field instanceof HTMLElement) field.focus()
    else location.hash = linkTo('search')
  }
}

addEventListener('hashchange', show)
addEventListener('keydown', onKey)
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault()
  main.focus()
})
await show()
// Whoever sees the list opens a session next.
setTimeout(() => import('./terminal.mjs'), WARM)
