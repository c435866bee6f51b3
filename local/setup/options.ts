/** What `npm start` can be told, by flags and environment. */
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import * as z from 'zod'

export interface Options {
  /** Folder of package.json. */
  readonly root: string
  readonly port: number
  /** Where everything that lasts is kept. */
  readonly data: string
  /** Tells several stacks on one machine apart, in what they print and in the list of processes. */
  readonly host_label: string
  /** Values of the template's parameters. */
  readonly parameters: Readonly<Record<string, string>>
  /** A `cdk synth` output to run instead of synthesizing. */
  readonly template: string | undefined
  /** Fires the template's schedules this often instead. */
  readonly sweep_every_ms: number | undefined
  /** RunTask beyond this many a second is throttled, as on AWS. */
  readonly launches_per_s: number | undefined
}

/** Wrong words on the command line: shown without a stack trace. */
export class UsageError extends Error {}

const flags = {
  port: { type: 'string', default: '4700' },
  data: { type: 'string', default: '.lanekeeper' },
  'host-label': { type: 'string', default: '' },
  parameters: { type: 'string', multiple: true },
  template: { type: 'string' },
  'sweep-every-ms': { type: 'string' },
  'launches-per-s': { type: 'string' },
  help: { type: 'boolean', default: false },
} as const

export const usage = `npm start [-- options]
  --port P              the API listens on 127.0.0.1:P                     4700
  --data DIR            everything that lasts is kept there                .lanekeeper
  --host-label TEXT     tells several stacks on one machine apart
  --parameters K=V      a parameter of the template, as for cdk deploy; may be repeated
  --template DIR        run this cdk synth output instead of synthesizing
  --sweep-every-ms N    fire schedules this often instead of by their rate
  --launches-per-s N    throttle RunTask beyond N a second
environment
  ANTHROPIC_API_KEY     talk to the real model; without it a scripted one answers
  CLAUDE_CODE_USE_BEDROCK=1
                        talk to Bedrock with AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN
  DYNAMODB_ENDPOINT     use this DynamoDB instead of starting one`

const whole = (flag: string, least: number, most: number) =>
  z.coerce
    .number({ error: `--${flag} must be a number` })
    .int({ error: `--${flag} must be whole` })
    .min(least, { error: `--${flag} must be at least ${least}` })
    .max(most, { error: `--${flag} must be at most ${most}` })

const Flags = z.object({
  port: whole('port', 1, 65_535),
  'sweep-every-ms': whole('sweep-every-ms', 100, 86_400_000).optional(),
  'launches-per-s': whole('launches-per-s', 1, 10_000).optional(),
})

const parameter = (text: string): readonly [string, string] => {
  const equals = text.indexOf('=')
  if (equals < 1) throw new UsageError(`--parameters takes Name=Value, not ${text}`)
  return [text.slice(0, equals), text.slice(equals + 1)]
}

const words = (argv: readonly string[]) => {
  try {
    return parseArgs({ args: [...argv], options: flags, strict: true, allowPositionals: false }).values
  } catch (cause) {
    throw new UsageError(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

/** @returns undefined if help was asked for */
export const readOptions = (argv: readonly string[]): Options | undefined => {
  const given = words(argv)
  if (given.help) return undefined
  const numbers = Flags.safeParse(given)
  if (!numbers.success) throw new UsageError(numbers.error.issues.map(({ message }) => message).join('; '))
  return {
    root: resolve(fileURLToPath(new URL('../..', import.meta.url))),
    port: numbers.data.port,
    data: resolve(given.data),
    host_label: given['host-label'],
    parameters: Object.fromEntries((given.parameters ?? []).map(parameter)),
    template: given.template === undefined ? undefined : resolve(given.template),
    sweep_every_ms: numbers.data['sweep-every-ms'],
    launches_per_s: numbers.data['launches-per-s'],
  }
}
