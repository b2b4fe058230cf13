// Fails where modules of a crate use each other in a circle. A module and those inside it may: they are one thing.
//
//   node scripts/circles.mjs crates/core/src

import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const [root] = process.argv.slice(2)

/** Without comments and what is compiled for tests only. */
const code = (text) =>
  text
    .replace(/\/\/.*/g, '')
    .replace(/#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*mod \w+ \{[\s\S]*?\n\}/g, '')
    .replace(/#\[cfg\(test\)\]\s*mod \w+;/g, '')

const modules = new Map()
for (const file of readdirSync(root, { recursive: true })) {
  if (!file.endsWith('.rs')) continue
  const path = file.slice(0, -3).split(/[\\/]/)
  if (path.at(-1) === 'mod' || path.at(-1) === 'lib') path.pop()
  modules.set(path.join('::'), code(readFileSync(join(root, file), 'utf8')))
}
for (const name of modules.keys()) {
  const parent = modules.get(name.split('::').slice(0, -1).join('::'))
  if (name !== '' && !parent.includes(`mod ${name.split('::').at(-1)};`)) modules.delete(name)
}

const isWithin = (name, folder) => folder === '' || `${name}::`.startsWith(`${folder}::`)

/** The paths of `a::{b, c::{d, e as f}}`, each as a list of names. */
function pathsOf(tree) {
  const [, start, inside] = /^([^{]*)(?:\{([\s\S]*)\})?$/.exec(tree.trim())
  const names = start
    .replace(/\s+as\s+\w+/, '')
    .split('::')
    .map((name) => name.trim())
    .filter(Boolean)
  if (inside === undefined) return [names.at(-1) === 'self' ? names.slice(0, -1) : names]
  const parts = inside.match(/(?:[^,{}]|\{(?:[^{}]|\{[^{}]*\})*\})+/g) ?? []
  return parts
    .filter((part) => part.trim())
    .flatMap((part) => pathsOf(part).map((path) => [...names, ...path]))
}

const uses = (text) => [...text.matchAll(/^\s*(pub(?:\([^)]*\))? )?use ([^;]+);/gm)]

/** What a module shows under other names than its own. */
const shown = new Map()
for (const [name, text] of modules)
  for (const [, isPublic, tree] of uses(text))
    if (isPublic) for (const path of pathsOf(tree)) shown.set(`${name}>${path.at(-1)}`, path)

/** The module in which the item at `path` stands, as `from` names it. */
function resolve(from, path, seen = new Set()) {
  let [first, ...rest] = path
  let at = from === '' ? [] : from.split('::')
  if (first === 'crate') at = []
  else if (first === 'super') at = at.slice(0, -1)
  else if (first !== 'self' && modules.has([...at, first].join('::'))) at.push(first)
  else if (first !== 'self') return undefined
  while (rest[0] === 'super') [at, rest] = [at.slice(0, -1), rest.slice(1)]
  while (rest.length > 0 && modules.has([...at, rest[0]].join('::'))) at.push(rest.shift())
  const here = at.join('::')
  const key = `${here}>${rest[0]}`
  if (!shown.has(key) || seen.has(key)) return here
  return resolve(here, shown.get(key), new Set([...seen, key])) ?? here
}

/** Of two modules, the ones below the folder that they have in common. A folder is its modules taken together. */
function siblings(one, other) {
  const [a, b] = [one, other].map((name) => name.split('::'))
  const depth = a.findIndex((name, index) => name !== b[index])
  return [a, b].map((names) => names.slice(0, depth + 1).join('::'))
}

const graph = new Map([...modules.keys()].map((name) => [name, new Set()]))
for (const [name, text] of modules) {
  const imported = uses(text).filter(([, isPublic]) => !isPublic)
  const paths = imported.flatMap(([, , tree]) => pathsOf(tree))
  const known = new Map(paths.map((path) => [path.at(-1), path]))
  for (const [path] of text
    .replace(/^\s*(pub\S* )?use [^;]+;/gm, '')
    .matchAll(/(?<![\w:])(?:\w+::)+\w+/g)) {
    const [first, ...rest] = path.split('::')
    paths.push([...(known.get(first) ?? [first]), ...rest])
  }
  for (const target of paths.map((path) => resolve(name, path)))
    if (target !== undefined && !isWithin(name, target) && !isWithin(target, name)) {
      const [from, to] = siblings(name, target)
      graph.get(from).add(to)
    }
}

/** Every module that is reached from one. */
function reached(from) {
  const found = new Set()
  const next = [...graph.get(from)]
  while (next.length > 0) {
    const name = next.pop()
    if (!found.has(name)) next.push(...graph.get(name))
    found.add(name)
  }
  return found
}

const reach = new Map([...graph.keys()].map((name) => [name, reached(name)]))
const circles = new Set()
for (const [name, others] of reach)
  if (others.has(name))
    circles.add(
      [...others]
        .filter((other) => reach.get(other).has(name))
        .sort()
        .join(', '),
    )
for (const circle of circles) console.error(`circles: ${circle} use each other`)
process.exitCode = circles.size > 0 ? 1 : 0
