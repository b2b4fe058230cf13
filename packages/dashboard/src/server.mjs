// The server: the page, and what it asks for.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { Failure, printable } from 'gsd-sessions'
import { answer } from './api.mjs'
import { assetOf } from './assets.mjs'
import { Guard, HEADERS } from './guard.mjs'

/** Bytes of a request at most: nothing that is sent here is long. */
const LONGEST_BODY = 64 << 10

/** The body of a request as JSON. */
async function bodyOf(request) {
  const parts = []
  let size = 0
  for await (const part of request) {
    size += part.length
    if (size > LONGEST_BODY) throw new Failure('the request is too long')
    parts.push(part)
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString())
  } catch {
    throw new Failure('the request is no JSON')
  }
}

/** Sends a value. */
function sendJson(response, status, value, headers = {}) {
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Cache-Control': 'no-store',
    ...headers,
  })
  response.end(JSON.stringify(value))
}

/** Sends a file of the page. */
function sendAsset(request, response, { type, etag, data, packed }) {
  const headers = { ETag: etag, 'Cache-Control': 'no-cache', Vary: 'Accept-Encoding' }
  if (request.headers['if-none-match'] === etag) {
    response.writeHead(304, headers)
    response.end()
    return
  }
  const isPacked = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '')
  response.writeHead(200, {
    ...headers,
    'Content-Type': type,
    ...(isPacked ? { 'Content-Encoding': 'gzip' } : {}),
  })
  response.end(request.method === 'HEAD' ? undefined : isPacked ? packed : data)
}

/** Tells whoever runs the server what went wrong. */
function complain(error) {
  process.stderr.write(`gsd-session-dashboard: ${printable(error.stack)}\n`)
}

/** A server for a history. */
class Dashboard {
  #history
  #token
  #rights
  #guard

  constructor(history, { token, rights }) {
    this.#history = history
    this.#token = token
    this.#rights = rights
  }

  /** Listens on the loopback address. */
  async listen({ port, publicUrl }) {
    this.server = createServer((request, response) => {
      this.#handle(request, response).catch((error) => {
        if (!response.headersSent) return this.#refuse(response, error)
        complain(error)
        response.destroy()
      })
    })
    this.server.listen(port, '127.0.0.1')
    await once(this.server, 'listening')
    const address = this.server.address()
    const listens = typeof address === 'string' ? port : address.port
    this.#guard = new Guard(this.#token, { port: listens, publicUrl })
    return listens
  }

  #refuse(response, error) {
    const isToBeTold = error instanceof Failure || error.code === 'ERR_OUT_OF_RANGE'
    if (!isToBeTold) complain(error)
    const message = isToBeTold ? error.message : 'something went wrong here; the server tells what'
    sendJson(response, isToBeTold ? 400 : 500, { error: message })
  }

  async #handle(request, response) {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value)
    const { method } = request
    const [path, query] = request.url.split('?', 2)
    // The page itself is the same for everybody. What it shows it asks for from here.
    const isLedHere = path === '/' && this.#guard.isVisit(request)
    if (!isLedHere && !this.#guard.isFromHere(request)) {
      return sendJson(response, 403, { error: 'not from here' })
    }
    const url = { searchParams: new URLSearchParams(query) }
    const isRead = method === 'GET' || method === 'HEAD'
    const asset = isRead ? assetOf(path) : undefined
    if (asset !== undefined) return sendAsset(request, response, asset)
    if (method === 'POST' && path === '/api/login') {
      const token = (await bodyOf(request))?.token
      if (!this.#guard.isToken(token)) return sendJson(response, 401, { error: 'wrong token' })
      return sendJson(response, 200, {}, { 'Set-Cookie': this.#guard.cookieOf(token) })
    }
    if (!path.startsWith('/api/')) return sendJson(response, 404, { error: 'no such page' })
    if (!this.#guard.isKnown(request)) return sendJson(response, 401, { error: 'no token' })
    // What changes something is asked for by a script of the page alone: no form and no link can send this.
    if (!isRead && request.headers['content-type'] !== 'application/json') {
      return sendJson(response, 415, { error: 'not JSON' })
    }
    const given = isRead ? undefined : await bodyOf(request)
    const how = { history: this.#history, rights: this.#rights, request, response, url, given }
    const found = await answer(method, path, how)
    if (found === undefined) return sendJson(response, 404, { error: 'no such thing' })
    if (!response.headersSent) sendJson(response, 200, found)
  }

  async close() {
    this.server.close()
    this.server.closeAllConnections()
    await once(this.server, 'close')
  }
}

/**
 * Serves a dashboard on the loopback address.
 *
 * @returns Its address, with the token behind `#`, and what ends it.
 */
export async function serveDashboard(history, { token, port = 0, publicUrl, rights = {} }) {
  if (typeof token !== 'string' || !/^[\w-]{16,}$/.test(token)) {
    throw new RangeError('the token must have 16 characters at least, of letters, digits, - and _')
  }
  const dashboard = new Dashboard(history, { token, rights })
  const listens = await dashboard.listen({ port, publicUrl })
  const base = publicUrl ?? `http://127.0.0.1:${listens}/`
  return { url: `${base}#token=${token}`, port: listens, close: () => dashboard.close() }
}
