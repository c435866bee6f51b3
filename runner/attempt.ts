/**
 * The runner's program: one attempt, from its claim to its recorded end.
 *
 *   claim ─ heartbeats ─────────────────────────────────────┐
 *     └ sandbox, session files, turns of the agent ─ logs ───┴─ finish (repeated until the table has it)
 *
 * Several attempts may share one process: nothing here changes the process, and nothing is read from it but what is passed in.
 */
import { createHash, randomBytes } from 'node:crypto'
import * as z from 'zod'
import type { Assignment, Finish } from '../shared/contract/runner-protocol.ts'
import { redactText } from '../shared/domain/redact.ts'
import { startDoorbell } from './doorbell.ts'
import { exchange } from './exchange.ts'
import { startHeart, type Heart } from './heart.ts'
import { failure } from './kinds/kind.ts'
import { createLog, logsArrive, type Log } from './log.ts'
import { holdCredentials, type HeldCredentials } from './model/credentials.ts'
import { createMeter, type Meter } from './model/meter.ts'
import { createNews, type News } from './news.ts'
import { createPlane, type AnswerTime, type Plane } from './plane.ts'
import { readSettings, type RunnerSettings } from './settings.ts'
import { createStop, pause, type Stop } from './stop.ts'
import type { WorkResult } from './turns.ts'
import { doWork } from './work.ts'

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
  /** Several attempts, one after the other, in this process: one may get the empty folders of another of its workspace. */
  readonly keeps_folders?: boolean
}

const claim_within_ms = 60_000
const finish_within_ms = 60_000
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

const finishOf = (result: WorkResult): Finish => ({
  outcome: result.outcome,
  ...(result.exit_code === undefined ? {} : { exit_code: result.exit_code }),
  ...(result.error === undefined ? {} : { error: result.error }),
  ...(result.result === undefined ? {} : { result: result.result }),
  usage: result.usage,
  ...(result.saved === undefined ? {} : { saved: result.saved }),
  ...(result.turn === undefined ? {} : { turn: result.turn }),
  ...(result.parks === undefined ? {} : { parks: result.parks }),
})

interface Claimed {
  readonly settings: RunnerSettings
  readonly env: AttemptInput['env']
  readonly keeps_folders: boolean
  readonly plane: Plane
  readonly assignment: Assignment
  readonly claimed: AnswerTime
  readonly token: string
}

/** All values that must not be seen in logs, results and errors. */
const secretsOf = ({ settings, token }: Claimed): string[] => [...settings.secrets, settings.claim_token, token, token.slice(token.lastIndexOf('.') + 1)]

interface Held {
  readonly stop: Stop
  readonly heart: Heart
  readonly news: News
  readonly log: Log
  readonly meter: Meter
  readonly secrets: readonly string[]
  readonly credentials: HeldCredentials
}

interface Ending {
  /** Says how the attempt ended until the plane took it. `inputs_wait`: it did not, for an input came before. */
  finish(result: WorkResult): Promise<{ readonly inputs_wait: boolean }>
  /** Of `exit_codes`; undefined until the attempt has ended. */
  code(): number | undefined
}

const createEnding = ({ plane }: Claimed, { stop, heart, log }: Held): Ending => {
  let code: number | undefined
  /** The plane has it: looks a few times whether it is in the table. */
  const seeRecorded = async (finish: Finish, first: boolean): Promise<number> => {
    let recorded = first
    for (const wait_ms of recorded_waits_ms) {
      if (recorded) break
      await pause(wait_ms)
      const again = await plane.finish(finish, { within_ms: 0 })
      if (!again.ok && again.why === 'superseded') return exit_codes.superseded
      recorded = again.ok && again.value.recorded
    }
    return exit_codes.finished
  }
  return {
    code: () => code,
    finish: async (result) => {
      await logsArrive(log, stop)
      if (stop.isHard()) return { inputs_wait: false }
      const finish = finishOf(result)
      const said = await plane.finish(finish, { within_ms: finish_within_ms, signal: stop.hard })
      if (said.ok && said.value.inputs_wait === true && result.outcome === 'ok') return { inputs_wait: true }
      await heart.end()
      if (said.ok) code = await seeRecorded(finish, said.value.recorded)
      else code = said.why === 'superseded' ? exit_codes.superseded : said.why === 'refused' ? exit_codes.refused : exit_codes.plane_lost
      return { inputs_wait: false }
    },
  }
}

const work = async (claim: Claimed, held: Held, ending: Ending): Promise<WorkResult> => {
  const { settings, assignment, plane, env, keeps_folders } = claim
  const { finish } = ending
  return doWork({ ...held, settings, assignment, plane, search_path: env['PATH'], finish, keeps_folders }).catch((error: unknown): WorkResult => {
    const message = redactText(error instanceof Error ? error.message : 'something broke', held.secrets)
    report(settings, `the attempt broke: ${message}`)
    return { outcome: 'error', error: failure('runner_failed', message, true), usage: held.meter.usage() }
  })
}

/** The sandbox goes. The plane may have said why, and that is what the end is called then. */
const onSandboxStop = (heart: Heart, stop: Stop) => (): void => {
  void Promise.race([heart.beatNow(), pause(last_beat_within_ms)]).then(() => stop.request('sandbox_stopped'))
}

const hold = (claim: Claimed, stop: Stop): Held => {
  const { assignment, plane, claimed } = claim
  const meter = createMeter(assignment.budget_usd === undefined ? undefined : assignment.budget_usd - assignment.spent_usd)
  const usage = () => (meter.usage().input_tokens + meter.usage().output_tokens === 0 ? undefined : meter.usage())
  const secrets = secretsOf(claim)
  const credentials = holdCredentials(assignment.model_credentials, (secret) => secrets.push(secret))
  const news = createNews(assignment)
  const heart = startHeart({ plane, assignment, claimed, stop, usage, credentials, news })
  return { stop, heart, news, log: createLog({ plane, stop, secrets }), meter, secrets, credentials }
}

const runClaimed = async (claim: Claimed, signal: AbortSignal): Promise<number> => {
  const { settings, assignment } = claim
  const stop = createStop()
  const held = hold(claim, stop)
  const ending = createEnding(claim, held)
  const doorbell = startDoorbell({ url: settings.doorbell_url, token: claim.token, onRing: held.heart.look })
  const timer = setTimeout(() => stop.request('timeout'), assignment.timeout_ms)
  const stopped = onSandboxStop(held.heart, stop)
  if (signal.aborted) stopped()
  else signal.addEventListener('abort', stopped, { once: true })
  try {
    const result = await work(claim, held, ending)
    if (ending.code() === undefined) await ending.finish(result)
    const code = ending.code()
    if (code !== undefined) return code
    report(settings, `the attempt ended without a word to the plane: ${stop.order()}`)
    return stop.order() === 'superseded' ? exit_codes.superseded : exit_codes.plane_lost
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', stopped)
    await Promise.all([held.heart.end(), doorbell.end()])
  }
}

/** Runs one attempt. Never throws; what it resolves to is the process's exit code (`exit_codes`). */
export const runAttempt = async ({ env, signal, keeps_folders = false }: AttemptInput): Promise<number> => {
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
  return runClaimed({ settings, env, keeps_folders, plane, assignment: answer.value, claimed: answer.answered, token }, signal).catch((error: unknown) => {
    report(settings, `the runner broke: ${error instanceof Error ? error.message : 'unknown'}`)
    return exit_codes.refused
  })
}
