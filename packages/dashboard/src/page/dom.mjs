// Elements, and how values look. Texts are set as texts: nothing that was recorded becomes markup.

const SVG = 'http://www.w3.org/2000/svg'

const DRAWN = new Set(['svg', 'rect', 'title'])

/** An element with attributes, listeners (`onclick`) and children. */
export function el(name, attributes = {}, ...children) {
  const made = DRAWN.has(name) ? document.createElementNS(SVG, name) : document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue
    if (key.startsWith('on')) made.addEventListener(key.slice(2), value)
    else made.setAttribute(key, value === true ? '' : String(value))
  }
  made.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null))
  return made
}

const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })
const BYTES = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 })

/** A moment, in the zone of the reader. */
export const momentText = (moment) => (moment ? MOMENT.format(new Date(moment)) : '')

/** A moment as an element that says which it is exactly. */
export const timeOf = (moment) =>
  moment ? el('time', { datetime: moment, title: moment }, momentText(moment)) : ''

/** The time between two moments, the second of them now by default. */
export function spanText(from, to = Date.now()) {
  const seconds = Math.max(0, Math.round((Number(new Date(to)) - Number(new Date(from))) / 1000))
  if (seconds < 60) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`
  const hours = Math.floor(minutes / 60)
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`
}

/** An amount of bytes. */
export function bytesText(bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const power = bytes > 0 ? Math.min(4, Math.floor(Math.log10(bytes) / 3)) : 0
  return `${BYTES.format(bytes / 1000 ** power)} ${units[power]}`
}

export const statusOf = (status) =>
  el('span', { class: `status ${status}` }, status.replace('_', ' '))

let untold

/** Says something to everybody who looks or listens. */
export function tell(text) {
  const told = document.querySelector('#told')
  told.textContent = text
  clearTimeout(untold)
  untold = setTimeout(() => (told.textContent = ''), 6_000)
}

/** Says whether the server is gone. */
export function lost(isLost) {
  document.querySelector('#lost').toggleAttribute('hidden', !isLost)
}

/** The address of a page. */
export const linkTo = (page, values = {}) => {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== '')
  const query = new URLSearchParams(given).toString()
  return `#/${page}${query === '' ? '' : `?${query}`}`
}
