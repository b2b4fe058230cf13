import { tmpdir } from 'node:os'
import type { ProcessCommand } from '../../src/index.js'

/** A program in JavaScript, run by a Node process of its own. */
export function program(script: string): ProcessCommand {
  return { command: process.execPath, args: ['-e', script], workingDir: tmpdir() }
}

/** Runs until it is stopped. */
export const FOREVER = program('setInterval(() => {}, 1000)')

/** Writes these chunks one by one, with pauses in which each becomes a chunk for its reader too. */
export function writer(chunks: readonly Buffer[]): ProcessCommand {
  const encoded = chunks.map((chunk) => chunk.toString('base64'))
  return program(`
    const chunks = ${JSON.stringify(encoded)};
    const next = () => {
      const chunk = chunks.shift();
      if (chunk === undefined) return;
      process.stdout.write(Buffer.from(chunk, 'base64'), () => setTimeout(next, 10));
    };
    next();
  `)
}
