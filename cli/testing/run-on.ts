/** Runs a command line against the fake API. */
import { sample_ids, sample_start_ms } from '../../client/testing/samples.ts'
import type { Io } from '../io.ts'
import { runProgram } from '../program.ts'
import { pipe, typist, type Keys } from './typist.ts'

interface Address {
  readonly url: string
  readonly key: string
}

export interface World {
  readonly env?: Record<string, string>
  readonly files?: Record<string, string | Uint8Array>
  readonly stdin?: string
  /** Ctrl-C is pressed once this was printed. */
  readonly interrupt_after?: string
  /** A request to a path that ends so is not answered, and Ctrl-C is pressed twice instead. */
  readonly never_answered?: string
  /** This is the time of an outage: each request whose address has this is not answered, for so many of them. */
  readonly outage?: { readonly of: string; readonly requests: number }
  /** Someone sits at a terminal and types this; else standard input is a pipe. */
  readonly typed?: readonly Keys[]
}

/** Runs a command line against the fake API, as a user would from a project with a local stack. */
export const runOn = async (api: Address, line: readonly string[], world: World = {}) => {
  let out = ''
  let err = ''
  let interrupt: () => void = () => undefined
  let unanswered = 0
  const local = JSON.stringify({ api_url: api.url, api_key: api.key, workspace_id: sample_ids.workspace })
  const files: Record<string, string | Uint8Array> = { '/project/.lanekeeper/local.json': local, ...world.files }
  const io: Io = {
    out: (text) => {
      out += text
      if (world.interrupt_after !== undefined && out.includes(world.interrupt_after)) interrupt()
    },
    err: (text) => void (err += text),
    readStdin: async () => world.stdin ?? '',
    readFile: async (path) => {
      const file = files[path]
      return typeof file === 'string' ? new TextEncoder().encode(file) : file
    },
    env: world.env ?? {},
    cwd: '/project',
    is_terminal: false,
    columns: undefined,
    now: () => sample_start_ms + 60_000,
    fetch: async (url, init) => {
      if (world.outage !== undefined && typeof url === 'string' && url.includes(world.outage.of) && unanswered < world.outage.requests) {
        unanswered += 1
        throw new TypeError('fetch failed')
      }
      if (world.never_answered === undefined || typeof url !== 'string' || !url.endsWith(world.never_answered)) return fetch(url, init)
      return new Promise((_, reject) => {
        init?.signal?.addEventListener('abort', () => reject(new Error('given up')))
        interrupt()
        interrupt()
      })
    },
    onInterrupt: (interrupted) => {
      interrupt = interrupted
      return () => {
        interrupt = () => undefined
      }
    },
    openLines: (interrupted, with_prompt) => {
      interrupt = interrupted
      return world.typed === undefined || !with_prompt ? pipe(world.stdin ?? '', io.out) : typist(world.typed, io.out, interrupted)
    },
  }
  const code = await runProgram(line, io)
  return { code, out, err }
}
