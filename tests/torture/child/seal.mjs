// A process that seals what is over, and brings it back, until it is killed; or that appends to a session that is not over.
import { createRequire } from 'node:module'

const { DatabaseConnection, OutputStore } = createRequire(import.meta.url)('../../../index.js')

const [path = '', job = ''] = process.argv.slice(2)
const connection = new DatabaseConnection(path)
console.log('ready')
if (job === 'append') {
  const outputs = new OutputStore(connection)
  const count = connection.db
    .prepare("SELECT count(*) FROM session_outputs_all WHERE session_id = 'live'")
    .pluck()
  for (let step = count.get(); ; step++) {
    outputs.append({
      sessionId: 'live',
      timestamp: new Date(step),
      type: 'stdout',
      data: `${step}`,
    })
    if (step % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  }
}
for (;;) {
  await connection.seal()
  await connection.unseal({ all: true })
}
