import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['tests/browser/*.spec.ts'],
    env: { GSD_SESSIONS_DB: '' },
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
