/**
 * The runner's program: one attempt, from its claim to its recorded end.
 *
 *   claim ─ heartbeats ─────────────────────────────────────┐
 *     └ sandbox, session files, agent, session files ─ logs ─┴─ finish (repeated until the table has it)
 *
 * Several attempts may share one process: nothing here changes the process, and nothing is read from it but what is passed in.
 */
import { createHash, randomBytes } from 'node:crypto'
import * as z from 'zod'
import type { Assignment, Finish } from '../shared/contract/runner-protocol.ts'
import { redactText } from '../shared/domain/redact.ts'
import { exchange } from './exchange.ts'
import { startHeart, type Heart } from './heart.ts'
import { failure } from './kinds/kind.ts'
import { createLog } from './log.ts'
import { holdCredentials, type HeldCredentials } from './model/credentials.ts'
import { createMeter, type Meter } from './model/meter.ts'
import { createPlane, type AnswerTime, type Plane } from './plane.ts'
import { readSettings, type RunnerSettings } from './settings.ts'
import { createStop, pause, type Stop } from './stop.ts'
import { doWork, type WorkResult } from './work.ts'

/** What `runAttempt` resolves to. Only 0 means that the plane has the attempt's own word on how it ended. */
export const exit_codes = {
  finished: 0,
  environment_invalid: 2,
  /** Another attempt took over, or the run is over: nothing was stored. */
  superseded: 10,
  /** The plane did not answer for so long that the session is lost, or never answered. */
  plane_lost: 11,
  /** The plane refused what the runner said. */
  refused: 12,
} as const

export interface AttemptInput {
  /** The runner's environment (`runner/settings.ts`). Nothing else is read from the process. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborted when the sandbox is told to stop: the attempt saves the session and ends within the grace. */
  readonly signal: AbortSignal
}

const claim_within_ms = 60_000
const finish_within_ms = 60_000
const flush_within_ms = 30_000
/** After the plane took the finish, how often to see whether the table has it: it is durable already. */
const recorded_waits_ms = [100, 400, 1_500]
const last_beat_within_ms = 2_000
const metadata_within_ms = 2_000

const report = (settings: RunnerSettings, message: string): void => {
  const at = `${settings.run_id}/${settings.attempt_no}`
  console.error(JSON.stringify({ level: 'warn', service: 'runner', attempt: at, message: redactText(message, settings.secrets) }))
}

/** The ECS task that this is, where there is one. It also comes from the launch: not to know it costs nothing. */
const executionId = async ({ ecs_metadata_url }: RunnerSettings): Promise<string | undefined> => {
  if (ecs_metadata_url === undefined) return undefined
  try {
    const { text } = await exchange(`${ecs_metadata_url}/task`, { method: 'GET', timeout_ms: metadata_within_ms })
    return z.looseObject({ TaskARN: z.string().max(500) }).parse(JSON.parse(text)).TaskARN
  } catch {
    return undefined
  }
}

/** Says how the attempt ended until the plane took it, then looks a few times whether it is in the table. */
const finishAttempt = async (plane: Plane, finish: Finish, stop: Stop, heart: Heart): Promise<number> => {
  const first = await plane.finish(finish, { within_ms: finish_within_ms, signal: stop.hard })
  await heart.end()
  if (!first.ok) return first.why === 'superseded' ? exit_codes.superseded : first.why === 'refused' ? exit_codes.refused : exit_codes.plane_lost
  let { recorded } = first.value
  for (const wait_ms of recorded_waits_ms) {
    if (recorded) break
    await pause(wait_ms)
    const again = await plane.finish(finish, { within_ms: 0 })
    if (!again.ok && again.why === 'superseded') return exit_codes.superseded
    recorded = again.ok && again.value.recorded
  }
  return exit_codes.finished
}

const finishOf = (result: WorkResult): Finish => ({
  outcome: result.outcome,
  ...(result.exit_code === undefined ? {} : { exit_code: result.exit_code }),
  ...(result.error === undefined ? {} : { error: result.error }),
  ...(result.result === undefined ? {} : { result: result.result }),
  usage: result.usage,
  ...(result.saved === undefined ? {} : { saved: result.saved }),
})

interface Claimed {
  readonly settings: RunnerSettings
  readonly env: AttemptInput['env']
  readonly plane: Plane
  readonly assignment: Assignment
  readonly claimed: AnswerTime
  readonly token: string
}

/** All values that must not be seen in logs, results and errors. */
const secretsOf = ({ settings, token }: Claimed): string[] => [...settings.secrets, settings.claim_token, token, token.slice(token.lastIndexOf('.') + 1)]

interface Held {
  readonly meter: Meter
  readonly secrets: readonly string[]
  readonly credentials: HeldCredentials
}

const work = async (claim: Claimed, stop: Stop, { meter, secrets, credentials }: Held): Promise<WorkResult> => {
  const { settings, assignment, plane, env } = claim
  const log = createLog({ plane, stop, secrets })
  const input = { settings, assignment, plane, stop, log, meter, secrets, credentials, search_path: env['PATH'] }
  const result = await doWork(input).catch((error: unknown): WorkResult => {
    const message = redactText(error instanceof Error ? error.message : 'something broke', secrets)
    report(settings, `the attempt broke: ${message}`)
    return { outcome: 'error', error: failure('runner_failed', message, true), usage: meter.usage() }
  })
  await Promise.race([log.flush(), pause(flush_within_ms, stop.hard)])
  return result
}

/** The sandbox goes. The plane may have said why, and that is what the end is called then. */
const onSandboxStop = (heart: Heart, stop: Stop) => (): void => {
  void Promise.race([heart.beatNow(), pause(last_beat_within_ms)]).then(() => stop.request('sandbox_stopped'))
}

const runClaimed = async (claim: Claimed, signal: AbortSignal): Promise<number> => {
  const { settings, assignment, plane } = claim
  const stop = createStop()
  const meter = createMeter(assignment.budget_usd === undefined ? undefined : assignment.budget_usd - assignment.spent_usd)
  const usage = () => (meter.usage().input_tokens + meter.usage().output_tokens === 0 ? undefined : meter.usage())
  const secrets = secretsOf(claim)
  const credentials = holdCredentials(assignment.model_credentials, (secret) => secrets.push(secret))
  const heart = startHeart({ plane, assignment, claimed: claim.claimed, stop, usage, credentials })
  const timer = setTimeout(() => stop.request('timeout'), assignment.timeout_ms)
  const stopped = onSandboxStop(heart, stop)
  if (signal.aborted) stopped()
  else signal.addEventListener('abort', stopped, { once: true })
  try {
    const result = await work(claim, stop, { meter, secrets, credentials })
    if (!stop.isHard()) return await finishAttempt(plane, finishOf(result), stop, heart)
    report(settings, `the attempt ended without a word to the plane: ${stop.order()}`)
    return stop.order() === 'superseded' ? exit_codes.superseded : exit_codes.plane_lost
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stopped)
    await heart.end()
  }
}

/** Runs one attempt. Never throws; what it resolves to is the process's exit code (`exit_codes`). */
export const runAttempt = async ({ env, signal }: AttemptInput): Promise<number> => {
  const read = readSettings(env)
  if (!read.ok) {
    console.error(JSON.stringify({ level: 'error', service: 'runner', message: `the runner's environment is not valid: ${read.message}` }))
    return exit_codes.environment_invalid
  }
  const settings = read.value
  const { workspace_id, run_id, attempt_no, claim_token, api_url } = settings
  const secret = randomBytes(32).toString('base64url')
  const token = `lkatt_${workspace_id}.${run_id}.${attempt_no}.${secret}`
  const plane = createPlane(api_url, token)
  const execution_id = await executionId(settings)
  const attempt_token_hash = createHash('sha256').update(secret).digest('hex')
  const claim = { workspace_id, run_id, attempt_no, claim_token, attempt_token_hash, ...(execution_id === undefined ? {} : { execution_id }) }
  const answer = await plane.claim(claim, { within_ms: claim_within_ms, signal })
  if (!answer.ok) {
    report(settings, `the claim failed: ${answer.why}: ${answer.message}`)
    return answer.why === 'superseded' ? exit_codes.superseded : answer.why === 'refused' ? exit_codes.refused : exit_codes.plane_lost
  }
  return runClaimed({ settings, env, plane, assignment: answer.value, claimed: answer.answered, token }, signal).catch((error: unknown) => {
    report(settings, `the runner broke: ${error instanceof Error ? error.message : 'unknown'}`)
    return exit_codes.refused
  })
}
