/** A call or several on a handle; `run` is the runner's business. */
export interface Form {
  name: string
  run: unknown
}

export const forms: readonly Form[]
