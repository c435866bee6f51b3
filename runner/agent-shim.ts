/**
 * The first process of the agent's container. Holds no secret. Takes exactly one connection on a unix socket that it shares with the
 * runner's container, starts the one command it is told to, and passes its streams on. When the connection ends it exits, and the
 * kernel ends everything in the container with it.
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { runner_env } from '../shared/contract/runner-protocol.ts'
import { listenBridge } from './sandbox/bridge.ts'
import { createFrameReader, frame, frame_kinds, shim_socket_name, SignalFrame, StartFrame, type Frame } from './sandbox/frames.ts'

const startCommand = async (socket: Socket, payload: Buffer): Promise<ChildProcessWithoutNullStreams> => {
  const { argv, env, cwd, bridges } = StartFrame.parse(JSON.parse(payload.toString()))
  await Promise.all(bridges.map(listenBridge))
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
  child.on('error', (error) => socket.end(frame('exit', JSON.stringify({ code: null, signal: null, failure: error.message }))))
  child.on('close', (code, signal) => socket.end(frame('exit', JSON.stringify({ code, signal }))))
  return child
}

const serve = (socket: Socket): void => {
  const read = createFrameReader()
  let child: Promise<ChildProcessWithoutNullStreams> | undefined
  const take = async ({ kind, payload }: Frame): Promise<void> => {
    if (kind === frame_kinds.start) {
      if (child !== undefined) throw new Error('a second command')
      child = startCommand(socket, payload)
    }
    const started = await child
    if (started === undefined) throw new Error('the first frame must start the command')
    if (kind === frame_kinds.stdin) started.stdin.write(payload)
    else if (kind === frame_kinds.stdin_end) started.stdin.end()
    else if (kind === frame_kinds.signal && started.pid !== undefined) process.kill(-started.pid, SignalFrame.parse(payload.toString()))
  }
  let taken = Promise.resolve()
  socket.on('data', (piece: Buffer) => {
    for (const one of read(piece)) {
      taken = taken
        .then(() => take(one))
        .catch((error: unknown) => {
          socket.end(frame('exit', JSON.stringify({ code: null, signal: null, failure: error instanceof Error ? error.message : 'unknown' })))
        })
    }
  })
  socket.on('error', () => process.exit(0))
  socket.on('close', () => process.exit(0))
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
