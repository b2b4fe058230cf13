// The player: with the waveform of output over time, by which one seeks.

import { lines } from './api.mjs'
import { bytesText, el, spanText, tell } from './dom.mjs'

const SPEEDS = [0.5, 1, 2, 4, 8, 16]
const PAUSES = [0.5, 1, 2, 5, 0]

/** Parts of the waveform. */
const PARTS = 400

/** How far a key seeks in it, as a part of all. */
const STEP = 1 / 50

/** Characters that are played at most: the player holds all of them. */
const MOST = 64 << 20

/** How often the waveform shows where the player is, in milliseconds. */
const TICK = 250

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

/** The recording of a session: its header, its events, and how much of it was left out. */
async function recordingOf(id, { signal }) {
  const events = []
  let [header, length] = [undefined, 0]
  for await (const line of lines('recording', { id }, { signal })) {
    if (header === undefined) header = line
    else {
      events.push(line)
      length += line[2].length
    }
    if (length < MOST) continue
    tell(`Only the first ${bytesText(length)} can be played. Output shows all of it.`)
    break
  }
  return { header, events }
}

/** When each event is played, in seconds: no pause is longer than `limit`. */
function clockOf(events, limit) {
  let [cut, before] = [0, 0]
  return events.map(([time]) => {
    cut += Math.max(0, time - before - limit)
    before = time
    return time - cut
  })
}

/** When that was recorded what is played at a time. */
function recordedAt(events, clock, played) {
  const next = clock.findIndex((time) => time > played)
  if (next < 0) return events.at(-1)[0]
  return next === 0 ? played : events[next - 1][0] + played - clock[next - 1]
}

/** When that is played which was recorded at a time. */
function playedAt(events, clock, recorded) {
  const next = events.findIndex(([time]) => time > recorded)
  if (next < 0) return clock.at(-1)
  if (next === 0) return Math.min(recorded, clock[0])
  return Math.min(clock[next - 1] + recorded - events[next - 1][0], clock[next])
}

/** The waveform, which seeks by a click and by keys. */
function waveOf(events, clock, seek) {
  const across = clock.at(-1)
  const amounts = new Array(PARTS).fill(0)
  events.forEach(([, type, data], at) => {
    const part = across > 0 ? Math.floor((clock[at] / across) * PARTS) : 0
    if (type === 'o') amounts[Math.min(PARTS - 1, part)] += data.length
  })
  const most = Math.max(1, ...amounts)
  const bars = amounts.map((amount, x) => {
    const height = amount === 0 ? 0 : Math.max(2, (48 * Math.log1p(amount)) / Math.log1p(most))
    return el('rect', { x, y: 48 - height, width: 1, height })
  })
  const place = el('rect', { class: 'place', y: 0, width: 1, height: 48 })
  const wave = el(
    'svg',
    {
      class: 'wave',
      viewBox: `0 0 ${PARTS} 48`,
      preserveAspectRatio: 'none',
      role: 'slider',
      tabindex: 0,
      'aria-label': 'Time, above how much was printed when',
      'aria-valuemin': 0,
      'aria-valuemax': Math.ceil(across),
    },
    bars,
    place,
  )
  let shown = 0
  const moved = (time) => {
    shown = across > 0 ? Math.min(1, time / across) : 0
    place.setAttribute('x', shown * (PARTS - 1))
    wave.setAttribute('aria-valuenow', Math.round(time))
    wave.setAttribute(
      'aria-valuetext',
      `${spanText(0, time * 1000)} of ${spanText(0, across * 1000)}`,
    )
  }
  const go = (part) => {
    const time = Math.min(1, Math.max(0, part)) * across
    moved(time)
    seek(time)
  }
  wave.addEventListener('click', (event) => {
    const { left, width } = wave.getBoundingClientRect()
    go((event.clientX - left) / width)
  })
  wave.addEventListener('keydown', (event) => {
    const part = {
      ArrowLeft: shown - STEP,
      ArrowDown: shown - STEP,
      ArrowRight: shown + STEP,
      ArrowUp: shown + STEP,
      Home: 0,
      End: 1,
    }[event.key]
    if (part === undefined) return
    event.preventDefault()
    go(part)
  })
  moved(0)
  return { wave, moved }
}

/** A choice of numbers. */
function choiceOf(label, values, chosen, text) {
  const options = values.map((value) =>
    el('option', { value, selected: value === chosen }, text(value)),
  )
  const select = el('select', { 'data-choice': label }, options)
  return { field: el('label', {}, label, select), select }
}

/** Shows the player. `at` is a moment to begin with, in milliseconds since 1970. */
export async function show(place, { id, firstOutput }, { signal, at }) {
  const [player, { header, events }] = await Promise.all([load(), recordingOf(id, { signal })])
  signal.throwIfAborted()
  if (events.length === 0) {
    place.append(el('p', { class: 'soft' }, 'It has printed nothing.'))
    return
  }
  const speed = choiceOf('Speed', SPEEDS, 1, (value) => `${value} times`)
  const pause = choiceOf('Longest pause', PAUSES, 2, (value) =>
    value === 0 ? 'as it was' : `${value} s`,
  )
  const screen = el('div')
  const below = el('div')
  let made
  let clock
  let wave
  let isPlaying = false
  // What is about to be shown, until it is.
  let going
  const limit = () => Number(pause.select.value) || undefined
  /** Shows what was recorded at a time, and goes on from there if it played. */
  const make = async (recorded) => {
    going = recorded
    const goesOn = isPlaying
    made?.dispose()
    clock = clockOf(events, limit() ?? Infinity)
    const own = player.create({ data: [header, ...events] }, screen, {
      speed: Number(speed.select.value),
      idleTimeLimit: limit(),
      preload: true,
      fit: 'width',
    })
    made = own
    for (const name of ['playing', 'pause', 'ended']) {
      own.addEventListener(name, () => {
        if (made === own) isPlaying = name === 'playing'
      })
    }
    wave = waveOf(events, clock, (time) => own.seek(time))
    below.replaceChildren(wave.wave)
    if (recorded > 0) await own.seek(playedAt(events, clock, recorded))
    if (goesOn) await own.play()
    if (made === own) going = undefined
  }
  const remake = async () => {
    const time = going ?? recordedAt(events, clock, (await made.getCurrentTime()) ?? 0)
    if (!signal.aborted) await make(time)
  }
  speed.select.addEventListener('change', remake)
  pause.select.addEventListener('change', remake)
  const from = Date.parse(firstOutput)
  place.append(
    el('div', { class: 'bar' }, speed.field, pause.field),
    el('div', { class: 'player' }, screen, below),
  )
  let timer
  signal.addEventListener('abort', () => {
    clearInterval(timer)
    made?.dispose()
  })
  await make(at === undefined ? 0 : (at - from) / 1000)
  if (signal.aborted) return
  timer = setInterval(async () => wave.moved((await made.getCurrentTime()) ?? 0), TICK)
}
