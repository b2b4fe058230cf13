// For `npm run test:arm64`: the child processes of the specs are emulated like their parents.
const { EMULATED_NODE } = process.env
if (!EMULATED_NODE || process.arch !== 'arm64') throw new Error(`not emulated: ${process.arch}`)
process.execPath = EMULATED_NODE
