import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['__test__/**/*.spec.ts', 'packages/*/test/**/*.spec.ts'],
    // Those need what they install themselves: `npm test -w @gsd/session-fleet`.
    exclude: ['**/node_modules/**', 'packages/{fleet,mcp}/test/**'],
    // No spec may use the database of whoever runs it.
    env: { GSD_SESSIONS_DB: '' },
    // vitest leaves one core free; but a spec often waits for a process that it started.
    maxWorkers: availableParallelism(),
    // Specs start processes of their own and store megabytes; a slow machine is no failure.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    tags: [
      {
        name: 'slow',
        description: 'Takes seconds. `npm test` leaves it out, `npm run test:slow` runs it.',
        timeout: 900_000,
      },
    ],
  },
})
