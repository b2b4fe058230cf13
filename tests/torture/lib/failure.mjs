/** The product broke a promise. */
export class Failure extends Error {
  name = 'Failure'
}
