// The package: what sends the sessions of a machine, and what reads those of all.

export { FleetError } from './errors.mjs'
export { Fleet } from './fleet.mjs'
export { Shipper } from './shipper.mjs'
