/**
 * Where the API is and with which key: flags, then the environment, then the file that `npm start` writes.
 *
 * A key is only ever sent to the address it came with: a key from the file is not sent to an address from a flag, unless
 * both name the same place.
 */
import { dirname, join, resolve } from 'node:path'
import * as z from 'zod'
import { usageError, type Io } from './io.ts'

/** What `npm start` writes to `DIR/local.json`. Later fields of it do not bother an older command. */
export const LocalFile = z.looseObject({ api_url: z.url(), api_key: z.string().min(1), workspace_id: z.string() })

export interface Connection {
  readonly url: string
  readonly key: string
  /** Where the address came from, for messages. */
  readonly source: string
  /** The address came from a local stack's file. */
  readonly is_local: boolean
}

export interface ConnectionFlags {
  readonly url?: string | undefined
  readonly key?: string | undefined
  /** The folder that the local stack was started with (`npm start -- --data DIR`). */
  readonly data?: string | undefined
}

interface Found {
  readonly path: string
  readonly url: string
  readonly key: string
}

const local_path = join('.lanekeeper', 'local.json')
const start_hint = 'Start a local stack with `npm start`, or set LANEKEEPER_URL and LANEKEEPER_API_KEY (or pass --url and --key) for a deployed one.'

const parseLocal = (path: string, bytes: Uint8Array): Found => {
  try {
    const local = LocalFile.parse(JSON.parse(new TextDecoder().decode(bytes)))
    return { path, url: local.api_url, key: local.api_key }
  } catch (cause) {
    const what = cause instanceof z.ZodError ? z.prettifyError(cause) : 'it is not JSON'
    throw usageError(`${path} is not what \`npm start\` writes: ${what}`, 'Stop the local stack and start it again: `npm start`.')
  }
}

const findUpwards = async (io: Pick<Io, 'cwd' | 'readFile'>): Promise<Found | undefined> => {
  let dir = resolve(io.cwd)
  for (;;) {
    const path = join(dir, local_path)
    const bytes = await io.readFile(path)
    if (bytes !== undefined) return parseLocal(path, bytes)
    const parent = dirname(dir)
    if (parent === dir) return undefined
    dir = parent
  }
}

const readData = async (io: Pick<Io, 'cwd' | 'readFile'>, data: string): Promise<Found> => {
  const path = resolve(io.cwd, data, 'local.json')
  const bytes = await io.readFile(path)
  if (bytes === undefined) throw usageError(`There is no ${path}`, `Start the stack of that folder: \`npm start -- --data ${data}\`.`)
  return parseLocal(path, bytes)
}

const checkedUrl = (url: string, from: string): string => {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed?.protocol !== 'http:' && parsed?.protocol !== 'https:') {
    throw usageError(`${from} is not a web address: ${url}`, 'Write it like http://127.0.0.1:4700 or https://abc.execute-api.us-east-1.amazonaws.com')
  }
  return url.replace(/\/+$/, '')
}

const present = (value: string | undefined): string | undefined => (value === undefined || value === '' ? undefined : value)
const samePlace = (a: string, b: string): boolean => new URL(a).origin === new URL(b).origin

/** The connection that flags, environment and local file name together. Throws a CommandError that says what is missing. */
export const resolveConnection = async (io: Pick<Io, 'cwd' | 'env' | 'readFile'>, flags: ConnectionFlags): Promise<Connection> => {
  const env_url = present(io.env['LANEKEEPER_URL'])
  const env_key = present(io.env['LANEKEEPER_API_KEY'])
  const named = flags.url ?? (flags.data === undefined ? env_url : undefined)
  const file = flags.data === undefined ? await findUpwards(io) : await readData(io, flags.data)
  if (named !== undefined) {
    const from = flags.url === undefined ? 'LANEKEEPER_URL' : '--url'
    const url = checkedUrl(named, from)
    const key = flags.key ?? env_key ?? (file !== undefined && samePlace(file.url, url) ? file.key : undefined)
    if (key === undefined) throw usageError(`${from} names ${url}, but there is no API key for it`, 'Set LANEKEEPER_API_KEY or pass --key.')
    return { url, key, source: from, is_local: false }
  }
  if (file === undefined) {
    throw usageError(`There is no Lanekeeper to talk to: no ${local_path} in ${io.cwd} or above it, and no LANEKEEPER_URL`, start_hint)
  }
  return { url: checkedUrl(file.url, file.path), key: flags.key ?? file.key, source: file.path, is_local: true }
}
