// The report of the public types, tests/package/api.md, which is reviewed as any other file:
//
//   npm run api              writes it anew from index.d.ts
//   npm run api -- --check   fails where it is not that of index.d.ts, or the changelog does not know it
//
// The changelog names the report by its fingerprint, in the section of the version that changed the types. So neither
// can change without the other, and both can be checked without any history.

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Extractor, ExtractorConfig } from '@microsoft/api-extractor'
import { readChangelog } from './release/changelog.mjs'
import { root as repository, stop, temporaryFolder } from './release/files.mjs'

const { values } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    /** A folder with package.json, index.d.ts, CHANGELOG.md and tests/package/api.md. */
    root: { type: 'string', default: repository },
  },
})
const root = resolve(values.root)
const reportPath = join(root, 'tests/package/api.md')

const read = (path) => readFileSync(path, 'utf8').replaceAll('\r\n', '\n')

/** The report of index.d.ts: every exported name and its members, sorted, without comments. */
function makeReport() {
  const folder = temporaryFolder('api')
  const errors = []
  const config = ExtractorConfig.prepare({
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: join(root, 'index.d.ts'),
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            target: 'ES2022',
            module: 'NodeNext',
            strict: true,
            skipLibCheck: true,
            types: ['node'],
            typeRoots: [join(repository, 'node_modules/@types')],
          },
          files: [join(root, 'index.d.ts')],
        },
      },
      apiReport: {
        enabled: true,
        reportFileName: 'report',
        reportFolder: folder,
        reportTempFolder: folder,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        // The comments follow TypeScript's own habits (`@throws {Type}`), not those of TSDoc; a name may
        // say enough, and all types are public.
        tsdocMessageReporting: { default: { logLevel: 'none' } },
        extractorMessageReporting: {
          default: { logLevel: 'error' },
          'ae-missing-release-tag': { logLevel: 'none' },
          'ae-undocumented': { logLevel: 'none' },
        },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, 'package.json'),
  })
  const { succeeded } = Extractor.invoke(config, {
    localBuild: true,
    messageCallback: (message) => {
      if (message.logLevel === 'error') errors.push(message.formatMessageWithLocation(root))
      message.handled = true
    },
  })
  if (!succeeded || errors.length > 0) stop(`index.d.ts cannot be reported:\n${errors.join('\n')}`)
  // It doubles the keyword of what a namespace exports by name; and a comment is no type.
  return read(join(folder, 'report.api.md'))
    .replaceAll('export export ', 'export ')
    .replaceAll(/^ *\/\/ \(undocumented\)\n/gm, '')
}

const report = makeReport()
const fingerprint = createHash('sha256').update(report).digest('hex').slice(0, 12)
const mark = `<!-- public types: ${fingerprint} -->`

/** Whether the newest section of the changelog that names public types names these. */
function isInChangelog() {
  for (const { text } of readChangelog(root)) {
    const named = text.match(/<!-- public types: (\w+) -->/)
    if (named) return named[1] === fingerprint
  }
  return false
}

const advice =
  'Say in CHANGELOG.md, under Unreleased, what changed in the public types, and have the section end with\n' +
  `${mark}\n`

if (values.check) {
  if (!existsSync(reportPath) || read(reportPath) !== report)
    stop(
      'The public types of index.d.ts are not those of tests/package/api.md.\n' +
        'Where that is meant, run `npm run api`, look at the difference, and commit it.',
    )
  if (!isInChangelog())
    stop(`The public types changed, and the changelog does not say so.\n${advice}`)
  console.log(`tests/package/api.md is that of index.d.ts, and in the changelog (${fingerprint})`)
} else {
  mkdirSync(dirname(reportPath), { recursive: true })
  writeFileSync(reportPath, report)
  console.log(`Written: tests/package/api.md. Its fingerprint is ${fingerprint}.`)
  if (!isInChangelog()) console.log(`\n${advice}`)
}
