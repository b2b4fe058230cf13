import { expect, test } from 'vitest'
import * as pkg from '@gsd/session-store'
import job from './job.cjs'

test('the package does its job', () => {
  expect(job(pkg)).toBe('done')
})
