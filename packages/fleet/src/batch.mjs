// What is sent in one transaction.

/** Bytes of blocks that are sent in one transaction, and sessions at most. */
const BATCH_BYTES = 512 << 10
const BATCH_SESSIONS = 200

/** Blocks at most: a statement has 65,535 values, and a page of very long lines has some 500 blocks more. */
const BATCH_BLOCKS = 2_000

/** Pages of sessions, each with its blocks, by their first chunks. */
export class Batch {
  pages = new Map()
  #bytes = 0
  #blocks = 0

  add({ column, blocks, added, ...page }) {
    const found = this.pages.get(column)
    const all = found?.blocks ?? new Map()
    this.#blocks += blocks.length
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
    return (
      this.#bytes >= BATCH_BYTES ||
      this.#blocks >= BATCH_BLOCKS ||
      this.pages.size >= BATCH_SESSIONS
    )
  }
}
