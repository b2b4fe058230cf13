// What the page can do: it looks for text, switches between light and dark, and plays its recording if it has one.
const find = (id) => document.getElementById(id)
const [form, query, told, output] = ['find', 'query', 'told', 'output'].map(find)

/** More matches than this are not looked for. */
const MOST = 10000
let ranges = []
let current = -1

/** Shows which match is looked at. */
function show() {
  told.textContent = ranges.length
    ? `${current + 1} of ${ranges.length}${ranges.length < MOST ? '' : ' or more'}`
    : query.value && 'not found'
  if (CSS.highlights) {
    CSS.highlights.set('found', new Highlight(...ranges))
    CSS.highlights.set('current', new Highlight(...ranges.slice(current, current + 1)))
  }
  const range = ranges[current]
  if (!range) return
  const { top, bottom, left, right } = range.getBoundingClientRect()
  if (top < 60 || bottom > innerHeight) scrollBy(0, top - innerHeight / 3)
  const box = output.getBoundingClientRect()
  if (left < box.left || right > box.right) output.scrollLeft += left - box.left - box.width / 3
  if (!CSS.highlights) {
    getSelection().removeAllRanges()
    getSelection().addRange(range)
  }
}

/** Looks for a text in all lines, also where its colours change. */
function search(text) {
  ranges = []
  current = 0
  if (text) {
    const nodes = []
    const walker = document.createTreeWalker(output, NodeFilter.SHOW_TEXT)
    let length = 0
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      nodes.push({ node, start: length })
      length += node.data.length
    }
    const all = nodes.map(({ node }) => node.data).join('')
    const plain = text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
    let at = 0
    // A place is looked for from the last one on: matches come in order.
    const place = (offset, isEnd) => {
      while (at + 1 < nodes.length && nodes[at + 1].start + (isEnd ? 1 : 0) <= offset) at++
      return [nodes[at].node, offset - nodes[at].start]
    }
    for (const { index, 0: found } of all.matchAll(new RegExp(plain, 'giu'))) {
      const range = document.createRange()
      range.setStart(...place(index, false))
      range.setEnd(...place(index + found.length, true))
      if (ranges.push(range) === MOST) break
    }
  }
  show()
}

query.addEventListener('input', () => search(query.value))
form.addEventListener('submit', (event) => {
  event.preventDefault()
  const step = event.submitter?.value === '-1' ? -1 : 1
  if (ranges.length) current = (current + step + ranges.length) % ranges.length
  show()
})
query.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || !event.shiftKey) return
  event.preventDefault()
  find('before').click()
})
find('theme').addEventListener('click', () => {
  const { style } = document.documentElement
  const isDark = style.colorScheme
    ? style.colorScheme === 'dark'
    : matchMedia('(prefers-color-scheme: dark)').matches
  style.colorScheme = isDark ? 'light' : 'dark'
})
form.hidden = false

const recording = find('recording')
if (recording) {
  const data = recording.textContent
  AsciinemaPlayer.create({ data }, find('player'), { idleTimeLimit: 2, terminalFontSize: '14px' })
}
