/** What a runner may ask of the plane: claim, heartbeat, logs, uploads, finish. Each call is checked against the live attempt. */
import { decideClaim, decideHeartbeat, type HeartbeatOrder } from '../domain/decide/claim.ts'
import { knowsMessage, waitingInputs } from '../domain/inputs.ts'
import { ok, refuse, type Result } from '../domain/result.ts'
import { no_usage } from '../domain/usage.ts'
import { refs } from '../store/keys.ts'
import { finishAttempt, loadToFinish } from './finish.ts'
import { settle, type FlowDeps } from './flow.ts'
import { loadCommand } from './load.ts'
import { modelOf, renewCredentials, vendCredentials } from './model-credentials.ts'
import { wholeInput } from './overflow.ts'
import { answersOf, expireQuestions } from './questions.ts'
import { latestRun, liveRun, superseded, type RunnerIdentity } from './runner-identity.ts'
import { asksStill } from '../domain/questions.ts'
import type { Answer, Assignment, Claim, Finish, FinishAnswer, UploadRequest, VendedCredentials } from '../contract/runner-protocol.ts'
import type { LogChunk, LogEntry } from '../domain/event.ts'
import { isFenced, isLive, type Run } from '../domain/run.ts'
import type { SavedFile, Session } from '../domain/session.ts'
import type { ModelUsage } from '../domain/usage.ts'
import type { FileKind } from '../ports/ports.ts'

const restoreUrls = async (deps: FlowDeps, run: Run, session: Session | undefined): Promise<Assignment['restore']> => {
  const checkpoint = session?.checkpoint
  if (checkpoint === undefined) return {}
  const url = (kind: FileKind, { fencing_token, turn, session_id = run.session_id }: SavedFile) =>
    deps.files.downloadUrl({ workspace_id: run.workspace_id, session_id, fencing_token, turn, kind })
  return {
    ...(checkpoint.workspace === undefined ? {} : { workspace_url: await url('workspace', checkpoint.workspace) }),
    ...(checkpoint.transcript === undefined ? {} : { transcript_url: await url('transcript', checkpoint.transcript) }),
  }
}

/** What an assignment is made of beside the run and its command, in one read. */
const loadAround = async (deps: FlowDeps, { workspace_id, task_id, agent_id, session_id }: Run) => {
  const [task, agent, session] = await deps.store.getMany<'task' | 'agent' | 'session'>([
    refs.task(workspace_id, task_id),
    refs.agent(workspace_id, agent_id),
    refs.session(workspace_id, session_id),
  ])
  return {
    task: task?.kind === 'task' ? task : undefined,
    agent: agent?.kind === 'agent' ? agent : undefined,
    session: session?.kind === 'session' ? session : undefined,
  }
}

const assignment = async (deps: FlowDeps, run: Run): Promise<Assignment> => {
  const { attempt } = run
  if (attempt.status !== 'running') throw new Error(`${run.id} was claimed and is ${attempt.status}`)
  const { task, agent, session } = await loadAround(deps, run)
  if (task === undefined) throw new Error(`${run.task_id} is missing`)
  const command = await loadCommand(deps, task)
  const { params, agent_config } = command
  const model_credentials = await vendCredentials(deps, run, agent_config)
  return {
    workspace_id: run.workspace_id,
    task_id: run.task_id,
    run_id: run.id,
    attempt_id: attempt.id,
    attempt_no: attempt.attempt_no,
    fencing_token: attempt.fencing_token,
    session_id: run.session_id,
    ...(session?.transcript_of === undefined ? {} : { transcript_of: session.transcript_of }),
    agent_key: agent?.agent_key ?? run.agent_id,
    agent_config: { ...agent_config, model: modelOf(deps, agent_config) },
    policy: params.policy,
    ...(await wholeInput(deps, command)),
    ...(params.extra_system_prompt === undefined ? {} : { extra_system_prompt: params.extra_system_prompt }),
    timeout_ms: params.timeout_ms === 0 ? deps.deployment.timeout_ms_max : Math.min(params.timeout_ms, deps.deployment.timeout_ms_max),
    ...(params.budget_usd === undefined ? {} : { budget_usd: params.budget_usd }),
    spent_usd: (run.usage ?? no_usage).model_usd,
    heartbeat_ms: deps.deployment.heartbeat_ms,
    lease_expires_at: attempt.lease_expires_at,
    restore: await restoreUrls(deps, run, session),
    ...(model_credentials === undefined ? {} : { model_credentials }),
    turn: (run.inputs?.turns ?? 0) + 1,
    begins_with: asksStill(run) ? 'answer' : knowsMessage(run) ? 'inputs' : 'message',
    inputs_wait: waitingInputs(run).length > 0,
    answers: [...answersOf(run)],
    question_grace_ms: deps.deployment.question_grace_ms,
    idle_ms: deps.deployment.idle_ms,
  }
}

/** The sandbox takes its attempt and learns what to do. */
export const claimAttempt = async (deps: FlowDeps, claim: Claim): Promise<Result<Assignment>> => {
  const claimed = await settle(deps, async () => {
    const run = await deps.store.get(refs.run(claim.workspace_id, claim.run_id))
    return run === undefined ? refuse('claim_rejected', `no run ${claim.run_id}`) : decideClaim(run, claim, deps.deployment, deps.clock.now())
  })
  if (!claimed.ok) return claimed
  deps.runs?.keep(claimed.value)
  return ok(await assignment(deps, claimed.value))
}

/**
 * Renews the lease, and says whether to go on. @param credentials_expire_at of the model credentials that the runner holds; where
 * they end soon, the answer brings fresh ones
 */
export const heartbeat = async (
  deps: FlowDeps,
  identity: RunnerIdentity,
  usage: ModelUsage | undefined,
  credentials_expire_at?: string,
): Promise<Result<HeartbeatOrder & { readonly model_credentials?: VendedCredentials; readonly answers?: Answer[] }>> => {
  const beat = await settle(deps, async () => {
    const live = await liveRun(deps, identity)
    if (!live.ok) return live
    const decision = decideHeartbeat(live.value, usage, deps.deployment, deps.clock.now())
    return { ...decision, value: { run: live.value, order: decision.value } }
  })
  if (!beat.ok) return beat
  const { run, order } = beat.value
  const model_credentials = order.order === 'go_on' ? await renewCredentials(deps, run, credentials_expire_at) : undefined
  const answers = run.questions === undefined ? [] : answersOf(await expireQuestions(deps, run))
  return ok({ ...order, ...(model_credentials === undefined ? {} : { model_credentials }), ...(answers.length === 0 ? {} : { answers: [...answers] }) })
}

/** Bytes of log entries in one stored chunk, so that a chunk stays below 64 KB. */
const chunk_bytes_max = 60_000

const chunksOf = (entries: readonly LogEntry[]): readonly (readonly LogEntry[])[] => {
  const chunks: LogEntry[][] = []
  let bytes = chunk_bytes_max
  for (const entry of entries) {
    const size = Buffer.byteLength(entry.data) + 100
    if (bytes + size > chunk_bytes_max) {
      chunks.push([])
      bytes = 0
    }
    chunks.at(-1)?.push(entry)
    bytes += size
  }
  return chunks
}

/**
 * Keeps log entries of the attempt under their own `seq`. A repeat finds its chunk there and changes nothing. @returns how many
 * entries were stored now
 */
export const storeLogs = async (deps: FlowDeps, identity: RunnerIdentity, entries: readonly LogEntry[]): Promise<Result<number>> => {
  const live = await liveRun(deps, identity)
  if (!live.ok) return live
  const { workspace_id, id: run_id } = live.value
  const stored = await Promise.all(
    chunksOf(entries).map(async (chunk) => {
      const [first] = chunk
      if (first === undefined) return 0
      const record: LogChunk = { kind: 'log', workspace_id, run_id, attempt_no: identity.attempt_no, seq: first.seq, entries: [...chunk], version: 1 }
      return (await deps.store.commit([{ op: 'put_if_absent', record }])).ok ? chunk.length : 0
    }),
  )
  return ok(stored.reduce((sum, count) => sum + count, 0))
}

/** Where the attempt may upload a file of its session: below its own fencing token, and the turn that it is of. */
export const uploadUrl = async (deps: FlowDeps, identity: RunnerIdentity, file: UploadRequest): Promise<Result<string>> => {
  const live = await liveRun(deps, identity)
  if (!live.ok) return live
  const { workspace_id, session_id, attempt } = live.value
  return ok(await deps.files.uploadUrl({ workspace_id, session_id, fencing_token: attempt.fencing_token, ...file }))
}

/** Events on their way to the queue. */
export const reportEvents = async (deps: FlowDeps, identity: RunnerIdentity, usages: readonly ModelUsage[]): Promise<Result<undefined>> => {
  const live = await liveRun(deps, identity)
  if (!live.ok) return live
  const { workspace_id, run_id, attempt_no } = identity
  await deps.signals.send(usages.map((usage) => ({ kind: 'attempt', event: { type: 'usage', workspace_id, run_id, attempt_no, usage } })))
  return ok(undefined)
}

/**
 * The runner says how it ended. It is applied at once; where the table is too busy for that, it travels through the queue. It is
 * durable when this returns, either way, unless an input came before the end: then nothing is recorded, and the runner has to go on with it.
 * @returns whether the table has it already, so that a runner can make sure
 */
export const reportFinish = async (deps: FlowDeps, identity: RunnerIdentity, finish: Finish): Promise<Result<FinishAnswer>> => {
  const seen = await loadToFinish(deps, identity)
  const latest = latestRun(seen.run, identity)
  if (!latest.ok) return latest
  const { attempt } = latest.value
  if (isFenced(attempt)) return superseded(identity)
  if (!isLive(attempt)) return attempt.lost === true || attempt.killed !== undefined ? superseded(identity) : ok({ recorded: true })
  const { workspace_id, run_id, attempt_no } = identity
  const event = { ...finish, type: 'finished', workspace_id, run_id, attempt_no } as const
  try {
    const reported = await finishAttempt(deps, event, () => ({ ...event, hears: true }), { run: latest.value, touched: seen.touched })
    if (reported === 'inputs_wait') return ok({ recorded: false, inputs_wait: true })
    if (reported === 'ended') return ok({ recorded: true })
  } catch (cause) {
    deps.report?.('finish_deferred', cause)
  }
  // Not applied, or nobody knows: the queue brings it again, and it is applied once.
  await deps.signals.send([{ kind: 'attempt', event }])
  return ok({ recorded: false })
}
