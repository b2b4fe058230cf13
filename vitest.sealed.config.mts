// The specs of the stores once more, with all output sealed before it is read: `npm run test:sealed`.
import { defineConfig, mergeConfig } from 'vitest/config'
import all from './vitest.config.mts'

export default mergeConfig(
  { ...all, test: { ...all.test, include: [] } },
  defineConfig({
    test: {
      include: ['__test__/store/**/*.spec.ts', '__test__/recording/record.spec.ts'],
      // These say what rows are there, how long something takes, or what has little to do with how output is stored.
      exclude: [
        ...['sealed', 'owners', 'pids', 'terminal-linear', 'wal', 'write-behind-exits'],
        ...['model', 'prune-references', 'screen-differential'],
      ].map((name) => `__test__/store/${name}.spec.ts`),
      setupFiles: ['__test__/support/sealed.ts'],
    },
  }),
)
