import { statfsSync } from 'node:fs'
import { cpus, loadavg, release, totalmem, type } from 'node:os'

const FILE_SYSTEMS = new Map([
  [0xef53, 'ext2/3/4'],
  [0x01021994, 'tmpfs'],
  [0x9123683e, 'btrfs'],
  [0x58465342, 'xfs'],
  [0x2fc12fc1, 'zfs'],
  [0x794c7630, 'overlayfs'],
  [0x6969, 'nfs'],
  [0x1a, 'apfs'],
])

function fileSystem(dir) {
  const kind = statfsSync(dir).type
  return FILE_SYSTEMS.get(kind) ?? `0x${kind.toString(16)}`
}

/** What the numbers depend on, beside the code. */
export function machine(dir) {
  const [cpu] = cpus()
  return {
    cpu: `${cpu?.model.trim() ?? 'unknown'} (${cpus().length} cores)`,
    memory: totalmem(),
    system: `${type()} ${release()} ${process.arch}`,
    fileSystem: fileSystem(dir),
    load: loadavg()[0],
  }
}
