import { configDefaults, defineConfig, mergeConfig } from 'vitest/config'
import base from '../vitest.config.mjs'

const emulated = process.env.EMULATED_NODE
if (!emulated) throw new Error('this is for npm run test:arm64')
// What vitest forks its workers with.
process.execPath = emulated

export default mergeConfig(
  base,
  defineConfig({
    test: {
      pool: 'forks',
      maxWorkers: 1,
      setupFiles: ['__test__/support/emulated.ts'],
      testTimeout: 900_000,
      hookTimeout: 900_000,
      exclude: [...configDefaults.exclude],
    },
  }),
)
