// What the page asks the server for.

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
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return
    const parts = (rest + value).split('\n')
    rest = parts.pop()
    for (const part of parts) yield JSON.parse(part)
  }
}

/** Events of the server. The browser connects again by itself, and goes on behind what it has. */
export function events(path, values, listeners) {
  const source = new EventSource(addressOf(path, values))
  for (const [name, listener] of Object.entries(listeners)) {
    source.addEventListener(name, (event) =>
      listener(event.data ? JSON.parse(event.data) : undefined, source),
    )
  }
  return source
}
