// What the page asks the server for.

import { lost } from './dom.mjs'

/** An answer that is no good. */
export class Refused extends Error {
  constructor(status, message) {
    super(message)
    this.status = status
  }
}

const addressOf = (path, values) => {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== '')
  const query = new URLSearchParams(given).toString()
  return `/api/${path}${query === '' ? '' : `?${query}`}`
}

async function checked(answer) {
  if (answer.ok) return answer
  const { error = answer.statusText } = await answer.json().catch(() => ({}))
  throw new Refused(answer.status, error)
}

/**
 * Asks for something.
 *
 * @param {string} path
 * @param {object} [values]
 * @param {{ signal?: AbortSignal }} [options]
 */
export async function get(path, values = {}, { signal } = {}) {
  return (await checked(await fetch(addressOf(path, values), { signal }))).json()
}

/** Has something done. */
export async function post(path, given) {
  const answer = await fetch(`/api/${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(given),
  })
  return (await checked(answer)).json()
}

/**
 * The values of an answer that comes line by line.
 *
 * @param {string} path
 * @param {object} values
 * @param {{ signal?: AbortSignal }} [options]
 */
export async function* lines(path, values, { signal } = {}) {
  const answer = await checked(await fetch(addressOf(path, values), { signal }))
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  try {
    for (;;) {
      const { value, done } = await reader.read()
      if (done) return
      const parts = (rest + value).split('\n')
      rest = parts.pop()
      for (const part of parts) yield JSON.parse(part)
    }
  } finally {
    // Whoever has enough ends the connection.
    reader.cancel().catch(() => {})
  }
}

/** How long after a refusal a stream is asked for again, in milliseconds. */
const AGAIN = 2_000

/** Looks whether this page may still ask. One that may not begins anew, and says so. */
async function checkAccess() {
  const error = await get('about').catch((failed) => failed)
  if (error instanceof Refused && error.status === 401) location.reload()
}

/**
 * Events of the server, until the signal or until what this returns is called. After a gap they go on behind the last
 * one. While nobody sees the page there are none: a browser has six connections to a server, for all of its tabs.
 *
 * @param {string} path
 * @param {object} values
 * @param {Record<string, (data: any) => void>} listeners By the names of events. `open` is told of each connection.
 * @param {{ signal: AbortSignal }} options
 */
export function events(path, values, listeners, { signal }) {
  const ended = new AbortController()
  let source
  let timer
  let last
  const close = () => {
    clearTimeout(timer)
    source?.close()
    source = undefined
  }
  const open = () => {
    close()
    if (document.hidden || ended.signal.aborted) return
    const made = new EventSource(
      addressOf(path, last === undefined ? values : { ...values, after: last }),
    )
    source = made
    for (const [name, listener] of Object.entries(listeners)) {
      made.addEventListener(name, (event) => {
        last = event.lastEventId || last
        listener(event.data === undefined ? undefined : JSON.parse(event.data))
      })
    }
    made.addEventListener('open', () => lost(false))
    made.addEventListener('error', () => {
      if (made !== source) return
      lost(true)
      if (made.readyState !== EventSource.CLOSED) return
      timer = setTimeout(open, AGAIN)
      void checkAccess()
    })
  }
  const end = () => ended.abort()
  ended.signal.addEventListener('abort', () => {
    close()
    lost(false)
  })
  signal.addEventListener('abort', end, { signal: ended.signal })
  document.addEventListener('visibilitychange', open, { signal: ended.signal })
  open()
  return end
}
