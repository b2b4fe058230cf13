import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Most tests start processes; a slow machine is no failure.
    testTimeout: 20_000,
  },
})
