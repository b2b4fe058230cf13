import * as store from '@gsd/session-store'
import { expect, expectTypeOf, test } from 'vitest'
import DefaultConnection, {
  DatabaseConnection,
  OutputStore,
  SessionStore,
} from '../src/db/index.js'
import * as manager from '../src/index.js'

test("the database classes are the package's own, by every name", () => {
  expect(DefaultConnection).toBe(store.DatabaseConnection)
  expect(manager).toMatchObject({ DatabaseConnection, OutputStore, SessionStore })
  expect({ DatabaseConnection, OutputStore, SessionStore }).toEqual({
    DatabaseConnection: store.DatabaseConnection,
    OutputStore: store.OutputStore,
    SessionStore: store.SessionStore,
  })
})

test("the core's types and the package's are interchangeable", () => {
  expectTypeOf<store.Session>().toEqualTypeOf<manager.Session>()
  expectTypeOf<store.SessionOutput>().toEqualTypeOf<manager.SessionOutput>()
  expectTypeOf<store.SessionStatus>().toEqualTypeOf<manager.SessionStatus>()
  expectTypeOf<manager.Session>().toExtend<store.NewSession>()
})
