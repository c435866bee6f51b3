/** What every command works with: the client, how to print, and how to end. */
import { Command } from 'commander'
import * as z from 'zod'
import { createClient, type Client } from '../client/client.ts'
import { LanekeeperError, LanekeeperUnreachable } from '../client/error.ts'
import { resolveConnection, type Connection } from './connection.ts'
import { CommandError, exit_codes, usageError, type ExitCode, type Io } from './io.ts'
import { clean, styleFor, type Style } from './render/style.ts'

/** Options that every command takes. */
const Globals = z.object({
  url: z.string().optional(),
  key: z.string().optional(),
  data: z.string().optional(),
  workspace: z.string().optional(),
  json: z.boolean().default(false),
})
type Globals = z.infer<typeof Globals>

export interface Context {
  readonly io: Io
  readonly style: Style
  readonly client: Client
  readonly connection: Connection
  /** JSON on standard output, and nothing else. */
  readonly is_json: boolean
  /** How this command was started, to be written before a subcommand: what is printed to be typed can be typed. */
  readonly name: string
}

/** How the user runs this command: by npx, by npm run, or by its name. */
const programName = (env: Io['env']): string => {
  if (env['npm_lifecycle_event'] === 'npx') return 'npx lanekeeper'
  return env['npm_lifecycle_event'] === 'lanekeeper' ? 'npm run -s lanekeeper --' : 'lanekeeper'
}

const contextOf = async (io: Io, globals: Globals): Promise<Context> => {
  const connection = await resolveConnection(io, globals)
  const client = createClient({ url: connection.url, key: connection.key, workspace_id: globals.workspace, fetch: io.fetch })
  const flags = globals.data === undefined ? '' : ` --data ${globals.data}`
  return { io, style: styleFor(io), client, connection, is_json: globals.json, name: `${programName(io.env)}${flags}` }
}

/** Prints a document: JSON, or as `text` makes it for people. */
export const print = (context: Context, value: unknown, text: () => string): void => {
  if (!context.is_json) context.io.out(text())
  else context.io.out(`${JSON.stringify(value, undefined, context.io.is_terminal ? 2 : undefined)}\n`)
}

const optionName = (field: string): string => `--${field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

const parseOptions = <S extends z.ZodType>(schema: S, command: Command): z.output<S> => {
  const parsed = schema.safeParse(command.optsWithGlobals())
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw usageError(`${optionName(String(issue?.path[0] ?? ''))}: ${issue?.message ?? 'is not valid'}`, `See: ${command.name()} --help`)
}

const refusedHint = (error: LanekeeperError): string | undefined => {
  if (error.code === 'unauthenticated') return 'The API key is wrong or revoked. It comes from --key, LANEKEEPER_API_KEY or the local stack’s local.json.'
  return error.code === 'forbidden' ? 'Use the key of a role that may do this.' : undefined
}

const refusedLines = (error: LanekeeperError): string =>
  [
    `${error.code}: ${clean(error.detail)}`,
    ...error.errors.map(
      (field) => `  ${clean(field.field)}: ${clean(field.message)}${field.allowed === undefined ? '' : ` (allowed: ${field.allowed.join(', ')})`}`,
    ),
    ...(error.request_id === undefined ? [] : [`  request ${error.request_id}`]),
  ].join('\n')

const unreachableHint = (connection: Connection | undefined): string =>
  connection?.is_local === true
    ? `Is the local stack running? Start it with \`npm start\`. (The address is from ${connection.source}.)`
    : `Is the address right? (It is from ${connection?.source ?? 'the command line'}.)`

interface Told {
  readonly message: string
  readonly hint: string | undefined
  readonly exit_code: ExitCode
  readonly data: Readonly<Record<string, unknown>>
}

/** What to tell about a failure. One that is none of ours is a bug: it keeps its stack. */
const tell = (error: unknown, connection: Connection | undefined): Told => {
  if (error instanceof CommandError)
    return { message: error.message, hint: error.hint, exit_code: error.exit_code, data: { code: 'command', detail: error.message } }
  if (error instanceof LanekeeperUnreachable) {
    const message = `Nothing answers at ${error.url} (${error.reason})`
    return { message, hint: unreachableHint(connection), exit_code: exit_codes.failed, data: { code: 'unreachable', detail: message } }
  }
  if (error instanceof LanekeeperError) {
    const { code, status, detail, errors, request_id } = error
    const exit_code = status === 400 || status === 413 ? exit_codes.usage : exit_codes.failed
    return { message: refusedLines(error), hint: refusedHint(error), exit_code, data: { code, status, detail, errors, request_id } }
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { message, hint: undefined, exit_code: exit_codes.failed, data: { code: 'bug', detail: message } }
}

/** Writes a failure to standard error. @returns the exit code */
const report = (io: Io, is_json: boolean, error: unknown, connection: Connection | undefined): ExitCode => {
  const { message, hint, exit_code, data } = tell(error, connection)
  const style = styleFor(io)
  if (is_json) io.err(`${JSON.stringify({ error: hint === undefined ? data : { ...data, hint } })}\n`)
  else io.err(`${style.red('error:')} ${message}\n${hint === undefined ? '' : `${style.dim(hint)}\n`}`)
  return exit_code
}

export interface Invocation<Options> {
  readonly args: readonly string[]
  readonly options: Options
}
/** Makes a commander action of a command: options are checked, the context is made, failures are told. */
export type Act = <S extends z.ZodType>(
  schema: S,
  run: (context: Context, invocation: Invocation<z.output<S>>) => Promise<ExitCode>,
) => (...raw: unknown[]) => Promise<void>

/** @param end called with how the command ended */
export const actWith =
  (io: Io, end: (code: ExitCode) => void): Act =>
  (schema, run) =>
  async (...raw) => {
    const command = raw.at(-1)
    if (!(command instanceof Command)) throw new Error('commander gives the command last')
    let connection: Connection | undefined
    const globals = Globals.parse(command.optsWithGlobals())
    try {
      const options = parseOptions(schema, command)
      const context = await contextOf(io, globals)
      connection = context.connection
      end(await run(context, { args: command.args, options }))
    } catch (error) {
      end(report(io, globals.json, error, connection))
    }
  }
