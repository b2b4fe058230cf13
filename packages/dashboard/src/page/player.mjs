// The player, for sessions that are over: with the waveform of output over time, by which one seeks.

import { get } from './api.mjs'
import { el, spanText } from './dom.mjs'

const SPEEDS = [0.5, 1, 2, 4, 8, 16]
const PAUSES = [0.5, 1, 2, 5, 0]

let loaded

/** Loads the player once: it is a script of its own. */
function load() {
  loaded ??= new Promise((resolve, reject) => {
    const script = el('script', { src: '/vendor/player.js' })
    script.addEventListener('load', () => resolve(globalThis.AsciinemaPlayer))
    script.addEventListener('error', () => reject(new Error('the player cannot be loaded')))
    document.head.append(el('link', { rel: 'stylesheet', href: '/vendor/player.css' }), script)
  })
  return loaded
}

/** The waveform. A click seeks. */
function drawn({ from, to, bytes }, seek) {
  const most = Math.max(1, ...bytes)
  const bars = bytes.map((amount, at) => {
    const height = amount === 0 ? 0 : Math.max(2, (48 * Math.log1p(amount)) / Math.log1p(most))
    return el('rect', { x: at, y: 48 - height, width: 1, height })
  })
  const wave = el(
    'svg',
    {
      class: 'wave',
      viewBox: `0 0 ${bytes.length} 48`,
      preserveAspectRatio: 'none',
      role: 'img',
      'aria-label': `How much was printed when, over ${spanText(from, to)}`,
    },
    bars,
  )
  wave.addEventListener('click', (event) => {
    const { left, width } = wave.getBoundingClientRect()
    seek((event.clientX - left) / width)
  })
  return wave
}

/** Shows the player. `at` is a moment to begin with, in milliseconds since 1970. */
export async function show(place, { id, startedAt }, { signal, at }) {
  const [player, wave] = await Promise.all([load(), get('wave', { id }, { signal })])
  if (wave.bytes.length === 0) {
    place.append(el('p', { class: 'soft' }, 'It has printed nothing.'))
    return
  }
  const screen = el('div')
  const choice = (label, values, text) => {
    const options = values.map((value) =>
      el('option', { value, selected: value === (label === 'Speed' ? 1 : 2) }, text(value)),
    )
    return el('label', {}, label, el('select', { 'data-choice': label }, options))
  }
  const speed = choice('Speed', SPEEDS, (value) => `${value} times`)
  const pause = choice('Longest pause', PAUSES, (value) =>
    value === 0 ? 'as it was' : `${value} s`,
  )
  let made
  const make = (startAt) => {
    made?.dispose()
    made = player.create(`/api/recording?id=${encodeURIComponent(id)}`, screen, {
      speed: Number(speed.lastChild.value),
      idleTimeLimit: Number(pause.lastChild.value) || undefined,
      startAt,
      preload: true,
      fit: 'width',
    })
  }
  const began = Math.min(wave.from, Date.parse(startedAt))
  make(at === undefined ? 0 : Math.max(0, (at - began) / 1000))
  const remake = async () => make((await made.getCurrentTime()) ?? 0)
  speed.addEventListener('change', remake)
  pause.addEventListener('change', remake)
  const seek = async (part) => {
    const duration = await made.getDuration()
    if (duration !== undefined) await made.seek(duration * part)
  }
  place.append(
    el('div', { class: 'bar' }, speed, pause),
    el('div', { class: 'player' }, screen, drawn(wave, seek)),
  )
  signal.addEventListener('abort', () => made.dispose())
}
