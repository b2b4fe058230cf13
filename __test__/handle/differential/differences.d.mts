/** Where the handle differs from better-sqlite3 on purpose. */
export interface Difference {
  /** The names of the forms that differ, or patterns of them. */
  forms: readonly (string | RegExp)[]
  /** As docs/handle.md says it. */
  reason: string
}

export const differences: readonly Difference[]
