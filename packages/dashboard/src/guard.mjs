// Who may ask, and what a page may do.
//
// A page of another origin can send requests to this machine, and a name of its own can lead here (rebinding). So a request needs a
// Host and an Origin that are known, and the token: once in the address, behind the `#`, which no server sees, then in a cookie that no
// script reads.

import { createHash, timingSafeEqual } from 'node:crypto'

/** The start of the name of the cookie. Browsers have one set of cookies for all ports of a machine. */
const COOKIE = 'gsd_session_dashboard_'

/**
 * What the page may load: its own files. xterm.js makes styles as it draws, of which no script can come, and the terminal of the player is
 * WebAssembly.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Headers of every answer. */
export const HEADERS = {
  'Content-Security-Policy': POLICY,
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), microphone=(), geolocation=(), clipboard-read=()',
}

const digest = (text) => createHash('sha256').update(text).digest()

/** The names under which this machine is known to itself. */
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]']

export class Guard {
  #token
  #cookie
  #hosts
  #origins
  #isSecure

  /**
   * @param {string} token
   * @param {{ port: number, publicUrl?: string }} where `publicUrl`: the address under which a proxy shows it.
   */
  constructor(token, { port, publicUrl }) {
    this.#token = digest(token)
    this.#cookie = `${COOKIE}${port}`
    const own = LOOPBACK.map((name) => `${name}:${port}`)
    const origins = own.map((host) => `http://${host}`)
    const shown = publicUrl === undefined ? undefined : new URL(publicUrl)
    this.#hosts = new Set(shown ? [...own, shown.host] : own)
    this.#origins = new Set(shown ? [...origins, shown.origin] : origins)
    this.#isSecure = shown?.protocol === 'https:'
  }

  /** Whether a request comes under a known name, and from a page of this server or from none. */
  isFromHere({ headers }) {
    const { origin } = headers
    const site = headers['sec-fetch-site']
    return (
      this.#isForHere(headers) &&
      (origin === undefined || this.#origins.has(origin)) &&
      (site === undefined || ['same-origin', 'none'].includes(site))
    )
  }

  /** Whether somebody follows a link of another page to this one, in a tab of its own and not in a frame. */
  isVisit({ method, headers }) {
    return (
      this.#isForHere(headers) &&
      method === 'GET' &&
      headers['sec-fetch-mode'] === 'navigate' &&
      headers['sec-fetch-dest'] === 'document'
    )
  }

  #isForHere({ host }) {
    return this.#hosts.has(host ?? '')
  }

  /** Whether a text is the token. */
  isToken(text) {
    return typeof text === 'string' && timingSafeEqual(digest(text), this.#token)
  }

  /** Whether a request has the token in its cookie. */
  isKnown({ headers }) {
    const found = (headers.cookie ?? '')
      .split(';')
      .map((pair) => pair.trim().split('='))
      .find(([name]) => name === this.#cookie)
    return this.isToken(found?.[1])
  }

  /** The cookie that has the token. */
  cookieOf(token) {
    const secure = this.#isSecure ? '; Secure' : ''
    return `${this.#cookie}=${token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000${secure}`
  }
}
