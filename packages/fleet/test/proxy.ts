// A proxy between a shipper and its server, which cuts the connection at a message.
import { createServer, connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'

/** Splits what a client or a server sends into messages of the protocol. */
class Messages {
  #rest = Buffer.alloc(0)
  // The first message of a client has no type.
  #hasType: boolean

  constructor(hasType: boolean) {
    this.#hasType = hasType
  }

  *take(data: Buffer): Generator<Buffer> {
    this.#rest = Buffer.concat([this.#rest, data])
    for (;;) {
      const at = this.#hasType ? 1 : 0
      if (this.#rest.length < at + 4) return
      const length = at + this.#rest.readInt32BE(at)
      if (this.#rest.length < length) return
      this.#hasType = true
      yield this.#rest.subarray(0, length)
      this.#rest = this.#rest.subarray(length)
    }
  }
}

export interface Proxy {
  /** The address of the database by the proxy. */
  url: string
  /** Cuts the connection at a message, counted from now on over both directions: before it, or in its middle. */
  cutAt(message: number, how: 'before' | 'inside'): void
  /** How many messages have passed since then. */
  readonly passed: number
  /** Whether it was cut. */
  readonly wasCut: boolean
  /** The statements that have passed. */
  readonly statements: ReadonlySet<string>
}

/** The statement that a message of a client has; none in most. */
function statementOf(message: Buffer): string | undefined {
  const text = () => message.toString('utf8', 5).split('\0')
  const [type] = message.toString('latin1', 0, 1)
  if (type === 'Q') return text()[0]
  // A prepared statement has a name first.
  return type === 'P' ? text()[1] : undefined
}

/** A proxy for the address of a database. It ends with the test. */
export async function newProxy(to: string): Promise<Proxy> {
  const target = new URL(to)
  const open = new Set<Socket>()
  let passed = 0
  let cut: { at: number; how: string } | undefined
  let wasCut = false
  const statements = new Set<string>()
  // A message must not wait for the acknowledgement of the one before.
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({
      port: Number(target.port),
      host: target.hostname,
      noDelay: true,
    })
    const end = () => {
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on('error', end)
      socket.on('close', () => {
        open.delete(socket)
        end()
      })
    }
    const forward = (from: Socket, into: Socket, messages: Messages) => {
      from.on('data', (data: Buffer) => {
        for (const message of messages.take(data)) {
          passed++
          const statement = into === upstream ? statementOf(message) : undefined
          if (statement !== undefined) statements.add(statement)
          if (cut && passed === cut.at) {
            wasCut = true
            if (cut.how === 'inside') into.write(message.subarray(0, message.length / 2))
            cut = undefined
            return end()
          }
          into.write(message)
        }
      })
    }
    forward(client, upstream, new Messages(false))
    forward(upstream, client, new Messages(true))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
  const url = new URL(to)
  url.port = String(address.port)
  return {
    url: url.href,
    statements,
    cutAt(message, how) {
      passed = 0
      wasCut = false
      cut = { at: message, how }
    },
    get passed() {
      return passed
    },
    get wasCut() {
      return wasCut
    },
  }
}
