#!/usr/bin/env node
/** The `lanekeeper` command: the machine's own input and output, handed to the program. */
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import type { Io } from './io.ts'
import { openLines } from './lines.ts'
import { runProgram } from './program.ts'

const onInterrupt = (interrupted: () => void): (() => void) => {
  process.on('SIGINT', interrupted)
  return () => void process.off('SIGINT', interrupted)
}

const io: Io = {
  out: (written) => void process.stdout.write(written),
  err: (written) => void process.stderr.write(written),
  readStdin: () => text(process.stdin),
  readFile: async (path) =>
    readFile(path).catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined
      throw error
    }),
  env: process.env,
  cwd: process.cwd(),
  is_terminal: process.stdout.isTTY === true,
  columns: process.stdout.isTTY === true ? process.stdout.columns : undefined,
  now: () => Date.now(),
  fetch: globalThis.fetch,
  onInterrupt,
  openLines: (interrupted, with_prompt) => openLines({ input: process.stdin, output: process.stdout, onInterrupt }, interrupted, with_prompt),
}

/** A reader that has seen enough (`lanekeeper logs … | head`) closes the pipe: that is no failure of ours. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

process.exitCode = await runProgram(process.argv.slice(2), io)
