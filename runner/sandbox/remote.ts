/** A process in the agent's own container, started by the shim there (`../agent-shim.ts`) and driven over its unix socket. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { pause } from '../stop.ts'
import { createFrameReader, ExitFrame, frame, frame_kinds, type Frame } from './frames.ts'
import type { AgentPaths, Exit, Sandbox, SandboxCommand, SandboxedProcess } from './sandbox.ts'

const connect_poll_ms = 100
const connect_within_ms = 60_000
const frame_bytes_max = 65_536

/** The shim's container may start after the runner's: its socket is waited for. */
const connectShim = async (path: string): Promise<Socket> => {
  const until_ms = performance.now() + connect_within_ms
  for (;;) {
    try {
      return await new Promise<Socket>((resolve, reject) => {
        const socket = connect(path)
        socket.once('connect', () => resolve(socket))
        socket.once('error', reject)
      })
    } catch (error) {
      if (performance.now() > until_ms) throw new Error('the shim of the agent container does not answer', { cause: error })
      await pause(connect_poll_ms)
    }
  }
}

const signals: Readonly<Record<string, NodeJS.Signals>> = { SIGTERM: 'SIGTERM', SIGINT: 'SIGINT', SIGHUP: 'SIGHUP', SIGKILL: 'SIGKILL' }

const readExit = (payload: Buffer): Exit => {
  const { code, signal, failure } = ExitFrame.parse(JSON.parse(payload.toString()))
  return { code, signal: signal === null ? null : (signals[signal] ?? 'SIGTERM'), ...(failure === undefined ? {} : { failure }) }
}

/** Resolves when the socket took the bytes; at once where there is no socket, because the exit says so. */
const sendBytes = async (socket: Promise<Socket>, frames: readonly Buffer[]): Promise<void> => {
  const open = await socket.catch(() => undefined)
  if (open === undefined || open.destroyed) return
  for (const one of frames) if (!open.write(one)) await Promise.race([once(open, 'drain'), once(open, 'close')])
}

/** Passes standard input on in frames of bounded size. */
const passStdin = async (stdin: PassThrough, socket: Promise<Socket>): Promise<void> => {
  for await (const chunk of stdin) {
    if (!Buffer.isBuffer(chunk)) continue
    const parts = Array.from({ length: Math.ceil(chunk.length / frame_bytes_max) }, (_, index) =>
      chunk.subarray(index * frame_bytes_max, (index + 1) * frame_bytes_max),
    )
    await sendBytes(
      socket,
      parts.map((part) => frame('stdin', part)),
    )
  }
  await sendBytes(socket, [frame('stdin_end')])
}

const start = (shim_socket: string, command: SandboxCommand): SandboxedProcess => {
  const stdin = new PassThrough()
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const connected = connectShim(shim_socket)
  const take = ({ kind, payload }: Frame, exit: (value: Exit) => void): void => {
    if (kind === frame_kinds.stdout) stdout.write(payload)
    else if (kind === frame_kinds.stderr) stderr.write(payload)
    else if (kind === frame_kinds.exit) exit(readExit(payload))
  }
  const exited = new Promise<Exit>((resolve) => {
    const end = (exit: Exit): void => {
      stdout.end()
      stderr.end()
      resolve(exit)
    }
    connected.then(
      (socket) => {
        const read = createFrameReader()
        socket.write(frame('start', JSON.stringify(command)))
        socket.on('data', (piece: Buffer) => {
          for (const one of read(piece)) take(one, end)
          // A reader that is slow holds the socket, and that the agent: nothing piles up here.
          if (stdout.writableNeedDrain) {
            socket.pause()
            stdout.once('drain', () => socket.resume())
          }
        })
        socket.on('error', () => end({ code: null, signal: null, failure: 'the connection to the agent container broke' }))
        socket.on('close', () => end({ code: null, signal: 'SIGKILL' }))
      },
      (error: unknown) => end({ code: null, signal: null, failure: error instanceof Error ? error.message : 'unknown' }),
    )
  })
  const kill = (signal: NodeJS.Signals): void => {
    connected.then(
      // The shim is the container's first process and ends with the connection: all in the container goes with it.
      (socket) => (signal === 'SIGKILL' ? socket.destroy() : socket.write(frame('signal', signal))),
      () => undefined,
    )
  }
  passStdin(stdin, connected).catch(() => undefined)
  return { stdin, stdout, stderr, kill, exited }
}

/** @param paths as both containers see them: the volumes are mounted at the same places */
export const openRemote = (shim_socket: string, paths: AgentPaths): Sandbox => ({
  tier: 'container',
  paths,
  network: 'direct',
  start: (command) => start(shim_socket, command),
})
