/** Who a runner is, and whether it is its run's live attempt: each of its calls is checked here. */
import { createHash, timingSafeEqual } from 'node:crypto'
import * as z from 'zod'
import { storedTokenHash } from '../domain/decide/claim.ts'
import { ok, refuse, type Refusal, type Result } from '../domain/result.ts'
import { isFenced, isLive, type Run } from '../domain/run.ts'
import { refs } from '../store/keys.ts'
import type { FlowDeps } from './flow.ts'

/** Who calls, as its attempt token says. */
export interface RunnerIdentity {
  readonly workspace_id: string
  readonly run_id: string
  readonly attempt_no: number
  readonly secret: string
}

const AttemptToken = z.string().regex(/^lkatt_(ws_[0-9A-Z]{26})\.(run_[0-9A-Z]{26})\.(\d{1,6})\.([A-Za-z0-9_-]{20,200})$/)

/** Reads an attempt token: `lkatt_<workspace>.<run>.<attempt_no>.<secret>`. Undefined if it is none. */
export const parseAttemptToken = (token: string): RunnerIdentity | undefined => {
  const parsed = AttemptToken.safeParse(token)
  if (!parsed.success) return undefined
  const [workspace_id, run_id, attempt_no, secret] = parsed.data.slice('lkatt_'.length).split('.')
  if (workspace_id === undefined || run_id === undefined || attempt_no === undefined || secret === undefined) return undefined
  return { workspace_id, run_id, attempt_no: Number(attempt_no), secret }
}

const secretMatches = (secret: string, token_hash: string): boolean =>
  timingSafeEqual(Buffer.from(storedTokenHash(createHash('sha256').update(secret).digest('hex'))), Buffer.from(token_hash.padEnd(32, '-').slice(0, 32)))

/** What a superseded attempt is told. */
export const superseded = (identity: RunnerIdentity): Refusal =>
  refuse('attempt_superseded', `attempt ${identity.attempt_no} of ${identity.run_id} is no longer the live one: stop, nothing of this was stored`)

/** The run as it was read, if the caller is or was its latest attempt. A wrong secret is 401; one of an attempt that was replaced, 409. */
export const latestRun = (run: Run | undefined, identity: RunnerIdentity): Result<Run> => {
  if (run === undefined) return refuse('unauthenticated', 'the attempt token is not valid')
  const { attempt } = run
  if (attempt.attempt_no > identity.attempt_no) return superseded(identity)
  const token_hash = attempt.status === 'pending' ? undefined : attempt.token_hash
  const valid = attempt.attempt_no === identity.attempt_no && token_hash !== undefined && secretMatches(identity.secret, token_hash)
  return valid ? ok(run) : refuse('unauthenticated', 'the attempt token is not valid')
}

/** The run, if the caller is its live attempt; 409 once that is over. */
export const liveRun = async (deps: Pick<FlowDeps, 'store'>, identity: RunnerIdentity): Promise<Result<Run>> => {
  const latest = latestRun(await deps.store.get(refs.run(identity.workspace_id, identity.run_id)), identity)
  return latest.ok && (!isLive(latest.value.attempt) || isFenced(latest.value.attempt)) ? superseded(identity) : latest
}
