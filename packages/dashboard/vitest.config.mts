import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.spec.ts'],
    // No spec may use the database or the token of whoever runs it.
    env: { GSD_SESSIONS_DB: '', GSD_SESSION_DASHBOARD_TOKEN: '' },
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
