// The parts of the format of a write-ahead log that are needed to damage one: frames, and the checksums with which
// SQLite accepts them.

const HEADER = 32
const FRAME_HEADER = 24

/** The frames of a log, each as a piece of it. */
export function framesOf(log) {
  const size = FRAME_HEADER + pageSizeOf(log)
  const frames = []
  for (let at = HEADER; at + size <= log.length; at += size)
    frames.push(log.subarray(at, at + size))
  return frames
}

/** The log with other frames behind its header. */
export function withFrames(log, frames) {
  return Buffer.concat([log.subarray(0, HEADER), ...frames])
}

/** Where the page of a frame starts. */
export const PAGE_OF_FRAME = FRAME_HEADER

/** The same log with salts and checksums that are right, so that SQLite reads what is in it. */
export function sealed(log) {
  const copy = Buffer.from(log)
  if (copy.length < HEADER) return copy
  const little = (copy.readUInt32BE(0) & 1) === 0
  let sums = checksum(copy, 0, 24, [0, 0], little)
  copy.writeUInt32BE(sums[0], 24)
  copy.writeUInt32BE(sums[1], 28)
  for (const frame of framesOf(copy)) {
    copy.copy(frame, 8, 16, 24)
    sums = checksum(frame, 0, 8, sums, little)
    sums = checksum(frame, FRAME_HEADER, frame.length, sums, little)
    frame.writeUInt32BE(sums[0], 16)
    frame.writeUInt32BE(sums[1], 20)
  }
  return copy
}

function checksum(bytes, from, to, [first, second], little) {
  const read = little ? (at) => bytes.readUInt32LE(at) : (at) => bytes.readUInt32BE(at)
  for (let at = from; at + 8 <= to; at += 8) {
    first = (first + read(at) + second) >>> 0
    second = (second + read(at + 4) + first) >>> 0
  }
  return [first, second]
}

function pageSizeOf(log) {
  const size = log.length < HEADER ? 0 : log.readUInt32BE(8)
  return size >= 512 && size <= 65_536 ? size : 4096
}
