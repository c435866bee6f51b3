/** Processes in the agent's own container, one after the other, started by the shim there (`../agent-shim.ts`) and driven over its unix socket. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { pause } from '../stop.ts'
import { createFrameReader, ExitFrame, frame, frame_kinds, type Frame } from './frames.ts'
import type { AgentPaths, Exit, Sandbox, SandboxCommand, SandboxedProcess } from './sandbox.ts'

const connect_poll_ms = 100
const connect_within_ms = 60_000
const frame_bytes_max = 65_536
/** How long a killed command may take to be gone, before the whole container is let go. */
const kill_within_ms = 2_000

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

/** The command that runs. */
interface Running {
  readonly stdout: PassThrough
  take(frame: Frame): void
  lost(exit: Exit): void
}

/** The one connection to the shim. The container ends with it, so it is kept for as long as the runner lives. */
interface Line {
  /** Opened with the first command. */
  connected(): Promise<Socket>
  run(command: Running): void
  isRunning(command: Running): boolean
}

const openLine = (path: string): Line => {
  let running: Running | undefined
  let connected: Promise<Socket> | undefined
  const listen = (socket: Socket): Socket => {
    const read = createFrameReader()
    socket.on('data', (piece: Buffer) => {
      for (const one of read(piece)) running?.take(one)
      // A reader that is slow holds the socket, and that the agent: nothing piles up here.
      if (running?.stdout.writableNeedDrain === true) {
        socket.pause()
        running.stdout.once('drain', () => socket.resume())
      }
    })
    socket.on('error', () => running?.lost({ code: null, signal: null, failure: 'the connection to the agent container broke' }))
    socket.on('close', () => running?.lost({ code: null, signal: 'SIGKILL' }))
    return socket
  }
  return {
    connected: () => (connected ??= connectShim(path).then(listen)),
    run: (command) => void (running = command),
    isRunning: (command) => running === command,
  }
}

/** Passes standard input on in frames of bounded size, as long as the command runs; waits where the socket does. */
const passStdin = async (stdin: PassThrough, line: Line, command: Running): Promise<void> => {
  const send = async (one: Buffer): Promise<void> => {
    const open = await line.connected().catch(() => undefined)
    if (open === undefined || open.destroyed || !line.isRunning(command)) return
    if (!open.write(one)) await Promise.race([once(open, 'drain'), once(open, 'close')])
  }
  for await (const chunk of stdin) {
    if (!Buffer.isBuffer(chunk)) continue
    for (let from = 0; from < chunk.length; from += frame_bytes_max) await send(frame('stdin', chunk.subarray(from, from + frame_bytes_max)))
  }
  await send(frame('stdin_end'))
}

const start = (line: Line, command: SandboxCommand): SandboxedProcess => {
  const stdin = new PassThrough()
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const { promise: exited, resolve } = Promise.withResolvers<Exit>()
  let has_ended = false
  const end = (exit: Exit): void => {
    has_ended = true
    stdout.end()
    stderr.end()
    resolve(exit)
  }
  const running: Running = {
    stdout,
    take: ({ kind, payload }) => {
      if (has_ended) return
      if (kind === frame_kinds.stdout) stdout.write(payload)
      else if (kind === frame_kinds.stderr) stderr.write(payload)
      else if (kind === frame_kinds.exit) end(readExit(payload))
    },
    lost: end,
  }
  line.run(running)
  line.connected().then(
    (socket) => {
      if (socket.destroyed) end({ code: null, signal: null, failure: 'the agent container is gone' })
      else socket.write(frame('start', JSON.stringify(command)))
    },
    (error: unknown) => end({ code: null, signal: null, failure: error instanceof Error ? error.message : 'unknown' }),
  )
  const kill = (signal: NodeJS.Signals): void => {
    line.connected().then(
      (socket) => {
        if (has_ended || socket.destroyed) return
        socket.write(frame('signal', signal))
        if (signal !== 'SIGKILL') return
        // The shim is the container's first process and ends with the connection: all in the container goes with it.
        const timer = setTimeout(() => socket.destroy(), kill_within_ms)
        void exited.then(() => clearTimeout(timer))
      },
      () => undefined,
    )
  }
  passStdin(stdin, line, running).catch(() => undefined)
  return { stdin, stdout, stderr, kill, exited }
}

/** A sandbox whose end a test can bring about; in its task it ends with the runner. */
interface RemoteSandbox extends Sandbox {
  letGo(): Promise<void>
}

/** @param paths as both containers see them: the volumes are mounted at the same places */
export const openRemote = (shim_socket: string, paths: AgentPaths): RemoteSandbox => {
  const line = openLine(shim_socket)
  return {
    tier: 'container',
    paths,
    network: 'direct',
    start: (command) => start(line, command),
    letGo: async () => void (await line.connected()).destroy(),
  }
}
