// What is sent in one transaction.

/** Bytes of blocks that are sent in one transaction, and sessions at most. */
const BATCH_BYTES = 512 << 10
const BATCH_SESSIONS = 200

/** Pages of sessions, each with its blocks, by their first chunks. */
export class Batch {
  pages = new Map()
  #bytes = 0

  add({ column, blocks, added, ...page }) {
    const found = this.pages.get(column)
    const all = found?.blocks ?? new Map()
    for (const block of blocks) {
      all.set(block.first, block)
      this.#bytes += block.block.length + (block.filter?.length ?? 0)
    }
    const before = found?.before ?? page.before
    const { outputs, bytes } = found?.added ?? { outputs: 0, bytes: 0 }
    const sum = { outputs: outputs + added.outputs, bytes: bytes + added.bytes }
    this.pages.set(column, { column, ...page, before, blocks: all, added: sum })
  }

  isFull() {
    return this.#bytes >= BATCH_BYTES || this.pages.size >= BATCH_SESSIONS
  }
}
