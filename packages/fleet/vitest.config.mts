import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.spec.ts'],
    globalSetup: ['test/global.mjs'],
    // No spec may use the database or the cluster of whoever runs it.
    env: { GSD_SESSIONS_DB: '', GSD_FLEET_URL: '', PGHOST: '', PGDATABASE: '' },
    maxWorkers: availableParallelism(),
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
