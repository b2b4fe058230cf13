// What the commands that read have in common.

import { abortable, allOptions } from 'gsd-sessions'
import { Fleet } from './fleet.mjs'
import { resolve } from './naming.mjs'

/** How long somebody who waits for an answer waits for a cluster that does not answer, in milliseconds. */
const PATIENCE = 5_000

/** Runs `work` with the fleet that the options of a command name. A signal of the system ends it. */
export function withFleet(command, work) {
  const options = allOptions(command)
  return abortable(async (signal) => {
    const fleet = new Fleet({ to: options.to, signal, patience: PATIENCE })
    try {
      return await work(fleet, options, signal)
    } finally {
      await fleet.close()
    }
  })
}

/** Runs `work` with the stores of a session that is named, and the session. */
export function withSession(command, name, work) {
  return withFleet(command, async (fleet, options, signal) => {
    const session = await resolve(fleet, name, options)
    const stores = await fleet.open(session)
    try {
      return await work(stores, session, { fleet, options, signal })
    } finally {
      stores.close()
    }
  })
}
