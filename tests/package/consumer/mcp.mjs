// The MCP server as an agent starts it: it answers, and prints nothing but the protocol.
import assert from 'node:assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { openHistory, serverFor } from '@gsd/session-mcp'
import { DatabaseConnection, OutputStore, SessionStore } from '@gsd/session-store'

const connection = new DatabaseConnection('mcp.db')
new SessionStore(connection).create({
  id: 's-1',
  slot: 1,
  status: 'failed',
  workingDir: '/',
  startedAt: new Date(),
})
new OutputStore(connection).append({
  sessionId: 's-1',
  timestamp: new Date(),
  type: 'stderr',
  data: 'no such file\n',
})
connection.close()

const history = await openHistory({ db: 'mcp.db' })
assert.equal(typeof serverFor(history).connect, 'function')
await history.close()

const folder = dirname(createRequire(import.meta.url).resolve('@gsd/session-mcp/package.json'))
const command = join(folder, 'bin/gsd-session-mcp.mjs')
const child = spawn(process.execPath, [command, '--db', 'mcp.db'], {
  stdio: ['pipe', 'pipe', 'inherit'],
})
const clientInfo = { name: 'proof', version: '1' }
const initialize = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo }
const search = { name: 'search_output', arguments: { pattern: 'no such' } }
const messages = [
  { id: 1, method: 'initialize', params: initialize },
  { method: 'notifications/initialized' },
  { id: 2, method: 'tools/call', params: search },
]
let printed = ''
child.stdout.on('data', (data) => {
  printed += data
  if (printed.includes('"id":2')) child.stdin.end()
})
for (const message of messages) {
  child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
}
await once(child, 'close')
const answers = printed
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))
assert.equal(answers[1].result.structuredContent.matches[0].text, 'no such file')
console.log('done')
