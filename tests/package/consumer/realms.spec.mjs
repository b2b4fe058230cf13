import { expect, test } from 'vitest'
import pkg from '@gsd/session-store'
import realms from './realms.cjs'

realms(pkg, { expect, test })
