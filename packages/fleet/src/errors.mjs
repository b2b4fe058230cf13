// Errors of this package, and which errors of a cluster pass.

/** @import { FleetError as Declared } from '../index.js' */

/**
 * An error of this package: its `code` says what is wrong.
 *
 * @implements {Declared}
 */
export class FleetError extends Error {
  /** @type {'FleetError'} */
  name = 'FleetError'

  /**
   * @param {string} code
   * @param {string} message
   * @param {ErrorOptions} [options]
   */
  constructor(code, message, options) {
    super(message, options)
    this.code = code
  }
}

/** Errors of SQL behind which the same transaction may succeed: it met another one, or its server ended. */
const TRANSIENT = new Set([
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  '40003', // statement_completion_unknown
  '55P03', // lock_not_available
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '57P05', // idle_session_timeout
  '25P03', // idle_in_transaction_session_timeout
  '25006', // read_only_sql_transaction: it has become a standby
  '53100', // disk_full
  '53200', // out_of_memory
  '53300', // too_many_connections
  '58030', // io_error
  'XX000', // internal_error: a shard that has gone
])

const OF_NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ERR_CONNECTION_LOST',
])

/** Whether the connection that gave an error is of no more use. */
export function isOfConnection(error) {
  const { code } = error
  return (
    OF_NETWORK.has(code) ||
    (typeof code === 'string' &&
      ((code.startsWith('08') && code !== '08P01') ||
        code.startsWith('57P') ||
        code === '25006')) ||
    // `pg` gives these no code.
    /^(Connection terminated|Client has encountered a connection error|timeout expired|Query read timeout|Client was closed)/.test(
      error.message,
    )
  )
}

/** Whether an error may be gone later. */
export function isTransient(error) {
  return isOfConnection(error) || TRANSIENT.has(error.code) || error.code === 'ERR_BEHIND'
}
