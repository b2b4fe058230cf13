import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['__test__/**/*.spec.ts', 'packages/*/test/**/*.spec.ts'],
    // Specs start processes of their own and store megabytes; a slow machine is no failure.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
