// What is sent in one transaction.

/** Bytes of blocks that are sent in one transaction, and sessions at most. */
const BATCH_BYTES = 512 << 10
const BATCH_SESSIONS = 200

/** Pages of sessions, each with its blocks, by their first chunks. */
export class Batch {
  pages = new Map()
  #bytes = 0

  add({ column, blocks, ...page }) {
    const found = this.pages.get(column)
    const all = found?.blocks ?? new Map()
    for (const block of blocks) {
      all.set(block.first, block)
      this.#bytes += block.block.length + (block.filter?.length ?? 0)
    }
    this.pages.set(column, { column, ...page, before: found?.before ?? page.before, blocks: all })
  }

  isFull() {
    return this.#bytes >= BATCH_BYTES || this.pages.size >= BATCH_SESSIONS
  }
}
