/**
 * The first process of the agent's container. Holds no secret. Takes exactly one connection on a unix socket that it shares with the
 * runner's container, starts the commands it is told to, one after the other, and passes their streams on. When a command ends, so does
 * all that it started; the container itself stays until the runner lets go of the connection, because the task ends with either container and the
 * runner still has the session to save.
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { runner_env } from '../shared/contract/runner-protocol.ts'
import { listenBridge } from './sandbox/bridge.ts'
import { createFrameReader, frame, frame_kinds, shim_socket_name, SignalFrame, StartFrame, type Frame } from './sandbox/frames.ts'

/** @param pid negative for a whole group; -1 for everyone else in the container */
const signal = (pid: number, name: NodeJS.Signals): void => {
  try {
    process.kill(pid, name)
  } catch {
    // Nobody is left to tell.
  }
}

/** Kills what a command left behind: its group and, for the first process of a container, everyone else in it. */
const killRest = (pid: number | undefined): void => {
  if (pid !== undefined) signal(-pid, 'SIGKILL')
  if (process.pid === 1) signal(-1, 'SIGKILL')
}

const sayExit = (socket: Socket, exit: { readonly code: number | null; readonly signal: string | null; readonly failure?: string }): void => {
  socket.write(frame('exit', JSON.stringify(exit)))
}

/** @param ports those that lead somewhere already; a later command finds them as they are */
const startCommand = async (socket: Socket, payload: Buffer, ports: Set<number>): Promise<ChildProcessWithoutNullStreams> => {
  const { argv, env, cwd, bridges } = StartFrame.parse(JSON.parse(payload.toString()))
  await Promise.all(bridges.filter(({ port }) => !ports.has(port)).map(listenBridge))
  for (const { port } of bridges) ports.add(port)
  const [program = '', ...args] = argv
  const child = spawn(program, args, { cwd, env, stdio: 'pipe', detached: true })
  child.stdin.on('error', () => undefined)
  for (const [stream, kind] of [
    [child.stdout, 'stdout'],
    [child.stderr, 'stderr'],
  ] as const) {
    stream.on('data', (bytes: Buffer) => {
      if (socket.write(frame(kind, bytes))) return
      stream.pause()
      socket.once('drain', () => stream.resume())
    })
  }
  child.on('error', (error) => sayExit(socket, { code: null, signal: null, failure: error.message }))
  child.on('exit', () => killRest(child.pid))
  child.on('close', (code, by) => sayExit(socket, { code, signal: by }))
  return child
}

const serve = (socket: Socket): void => {
  const read = createFrameReader()
  const ports = new Set<number>()
  let child: Promise<ChildProcessWithoutNullStreams> | undefined
  const startNext = async (payload: Buffer): Promise<void> => {
    if (child !== undefined) throw new Error('a second command beside the first')
    child = startCommand(socket, payload, ports)
    const started = await child
    started.on('close', () => {
      child = undefined
    })
  }
  const take = async ({ kind, payload }: Frame): Promise<void> => {
    if (kind === frame_kinds.start) return startNext(payload)
    const started = await child
    // What is said to a command that has ended just now is for nobody.
    if (started === undefined) return
    if (kind === frame_kinds.stdin) started.stdin.write(payload)
    else if (kind === frame_kinds.stdin_end) started.stdin.end()
    else if (kind === frame_kinds.signal && started.pid !== undefined) {
      const name = SignalFrame.parse(payload.toString())
      if (name === 'SIGKILL') killRest(started.pid)
      else signal(-started.pid, name)
    }
  }
  let taken = Promise.resolve()
  socket.on('data', (piece: Buffer) => {
    for (const one of read(piece)) {
      taken = taken
        .then(() => take(one))
        .catch((error: unknown) => {
          sayExit(socket, { code: null, signal: null, failure: error instanceof Error ? error.message : 'unknown' })
        })
    }
  })
  socket.on('error', () => undefined)
  socket.on('close', () => {
    void Promise.resolve(child)
      .then((started) => killRest(started?.pid))
      .catch(() => undefined)
      .finally(() => process.exit(0))
  })
}

const main = (): void => {
  const path = join(process.env[runner_env.sockets_dir] ?? '/run/lanekeeper', shim_socket_name)
  rmSync(path, { force: true })
  const server = createServer((socket) => {
    server.close()
    serve(socket)
  })
  server.listen(path)
}

main()
