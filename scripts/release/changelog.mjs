// The sections of CHANGELOG.md, as Keep a Changelog has them.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The sections from the top: `version` is null for what is unreleased, `date` is that of a release, `text` what
 * stands between a heading and the next.
 */
export function readChangelog(root) {
  const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8').replaceAll('\r\n', '\n')
  return changelog
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const end = section.indexOf('\n')
      const heading = end === -1 ? section : section.slice(0, end)
      const parts = /^\[(.+?)\](?: - (\d{4}-\d{2}-\d{2}))?$/.exec(heading.trim())
      if (!parts)
        throw new Error(
          `CHANGELOG.md: "## ${heading}" is neither "## [Unreleased]" nor "## [1.2.3] - 2026-01-31"`,
        )
      const [, name, date = null] = parts
      const isReleased = name !== 'Unreleased'
      if (isReleased && date === null) throw new Error(`CHANGELOG.md: "## ${heading}" has no date`)
      return {
        version: isReleased ? name : null,
        date,
        // Links to the versions may stand at the end of the file.
        text: section
          .slice(end + 1)
          .replaceAll(/^\[.+?\]: \S+$/gm, '')
          .trim(),
      }
    })
}
