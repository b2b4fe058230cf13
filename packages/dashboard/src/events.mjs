// Server-sent events: what comes, by cursor, as fast as the reader takes it and no faster.

import { once } from 'node:events'

/** How often something is sent where nothing happens, so that both sides see that the other is there, in milliseconds. */
const HEARTBEAT = 15_000

/** Aborted once the reader of an answer has gone, which it may have already. */
export function untilGone(response) {
  const gone = new AbortController()
  const end = () => gone.abort()
  if (response.destroyed) end()
  response.on('close', end)
  response.on('error', end)
  return gone.signal
}

/** One stream of events to one reader. */
export class Events {
  #response
  #heartbeat
  #gone

  constructor(response) {
    this.#response = response
    response.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    })
    response.write('retry: 500\n\n')
    this.#heartbeat = setInterval(() => response.write(': \n\n'), HEARTBEAT)
    this.#gone = untilGone(response)
    const quiet = () => clearInterval(this.#heartbeat)
    if (this.#gone.aborted) quiet()
    this.#gone.addEventListener('abort', quiet)
  }

  /** Aborted once the reader has gone. */
  get signal() {
    return this.#gone
  }

  /** Sends an event, and waits until the reader has taken most of what was sent. With an id a reader goes on from there. */
  async send(event, data, id) {
    if (this.signal.aborted) return
    const line = id === undefined ? '' : `id: ${id}\n`
    const isTaken = this.#response.write(
      `${line}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`,
    )
    if (!isTaken) await once(this.#response, 'drain', { signal: this.signal }).catch(() => {})
  }

  /** Tells the reader that nothing more comes. */
  end() {
    clearInterval(this.#heartbeat)
    this.#response.end()
  }
}
