// Texts in columns of a cluster, which hold no NUL.

/** A text that a column takes. Two different ones stay different. */
export const toColumn = (text) =>
  text.includes('\0') || text.startsWith('\\')
    ? `\\${text.replaceAll('\\', '\\\\').replaceAll('\0', '\\0')}`
    : text

/** The text that became one of a column. */
export const fromColumn = (text) =>
  text.startsWith('\\')
    ? text.slice(1).replaceAll(/\\(.)/gs, (_, character) => (character === '0' ? '\0' : character))
    : text

/** A text that people look for in a column; undefined stays NULL. */
export const shownColumn = (text) => text?.replaceAll('\0', '\ufffd') ?? null
