/**
 * A whole plane in one process, over the memory store, for tests of flows: the clock stands still until it is told, ids count,
 * signals wait in a list until they are delivered, and sandboxes start and stop by the test's word.
 */
import { id_prefixes, WorkspaceId, type AgentId } from '../../shared/domain/ids.ts'
import { Agent, AgentConfig } from '../../shared/domain/agent.ts'
import { CommandParams, type CommandParamsInput } from '../../shared/domain/command.ts'
import { acceptCommand, type AcceptResult } from '../../shared/flows/accept.ts'
import { applyAttemptEvent } from '../../shared/flows/finish.ts'
import { claimAttempt } from '../../shared/flows/runner.ts'
import { lookAtCeiling } from '../../shared/flows/ceilings.ts'
import { lookAtClass } from '../../shared/flows/dispatch.ts'
import { lookAtSession } from '../../shared/flows/session.ts'
import { lookAtSchedule } from '../../shared/flows/schedule-look.ts'
import { lookAtTask } from '../../shared/flows/look.ts'
import { Claim } from '../../shared/contract/runner-protocol.ts'
import { Deployment } from '../../shared/settings.ts'
import { AgentId as AgentIdSchema } from '../../shared/domain/ids.ts'
import { memoryStore } from '../../shared/store/memory.ts'
import { refs } from '../../shared/store/keys.ts'
import { timestamp } from '../../shared/domain/time.ts'
import { createHash } from 'node:crypto'
import type { LookDeps } from '../../shared/flows/flow.ts'
import type { AlarmEntry, AttemptEvent, Launch, LaunchResult, SessionFile, Signal } from '../../shared/ports/ports.ts'
import type { Run } from '../../shared/domain/run.ts'
import type { Task } from '../../shared/domain/task.ts'
import type { Store } from '../../shared/store/store.ts'

export interface Sandbox extends Launch {
  readonly execution_id: string
  state: 'starting' | 'running' | 'stopped'
}

export interface TestPlane {
  readonly deps: LookDeps
  readonly workspace_id: WorkspaceId
  readonly signals: Signal[]
  readonly sandboxes: Sandbox[]
  /** What the next launches answer; empty: they succeed. */
  readonly launch_answers: LaunchResult[]
  /** What the alarm clock was told last, by schedule. */
  readonly alarms: ReadonlyMap<string, readonly AlarmEntry[]>
  /** Session files that were removed, in order. */
  readonly removed: readonly SessionFile[]
  /** Texts that were too large for the table, by key. */
  readonly texts: ReadonlyMap<string, string>
  advance(by_ms: number): void
  makeAgent(config?: Partial<AgentConfig>): Promise<Agent>
  /** In a session that it names it is a task of its own, unless `hook_id` is undefined. */
  accept(params: Omit<CommandParamsInput, 'agent_id' | 'message'> & { agent_id: AgentId; message?: string }): Promise<AcceptResult>
  /** Delivers the waiting signals, and those that follow, until none is left. Task signals with a delay are dropped. */
  deliver(): Promise<void>
  task(task_id: string): Promise<Task>
  run(run_id: string): Promise<Run>
  /** Claims for a sandbox, with the secret `secret-<attempt id>`. */
  claim(sandbox: Sandbox): Promise<ReturnType<typeof claimAttempt> extends Promise<infer R> ? R : never>
  /** The runner's word, applied at once. */
  finish(sandbox: Sandbox, word?: Partial<Extract<AttemptEvent, { type: 'finished' }>>): Promise<boolean>
}

export const test_usage = { input_tokens: 10, output_tokens: 5, cache_read_tokens: 0, cache_write_tokens: 0, model_usd: 0.01 }

const crockford = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const ulidOf = (count: number): string => {
  let text = ''
  for (let rest = count; text.length < 26; rest = Math.floor(rest / 32)) text = (crockford[rest % 32] ?? '0') + text
  return text
}

/** Ids that count: deterministic, and sorted in the order they were made. */
export const countingIds = () => {
  let count = 0
  return {
    mint: (kind: keyof typeof id_prefixes) => `${id_prefixes[kind]}_${ulidOf((count += 1))}`,
    secret: () => `secret-${String((count += 1)).padStart(20, '0')}`,
  }
}

export const secretOf = (sandbox: Launch): string => `secret-of-${sandbox.attempt_id}`

export const testPlane = (options: { readonly deployment?: Partial<Deployment>; readonly store?: Store } = {}): TestPlane => {
  let now_ms = Date.parse('2026-11-22T09:00:00.000Z')
  const ids = countingIds()
  const workspace_id = WorkspaceId.parse(ids.mint('workspace'))
  const signals: Signal[] = []
  const sandboxes: Sandbox[] = []
  const launch_answers: LaunchResult[] = []
  const alarms = new Map<string, readonly AlarmEntry[]>()
  const removed: SessionFile[] = []
  const texts = new Map<string, string>()
  const deps: LookDeps = {
    store: options.store ?? memoryStore(),
    clock: { now: () => now_ms },
    ids,
    deployment: { ...Deployment.parse({ runners: ['claude_code', 'process'] }), ...options.deployment },
    signals: { send: async (sent) => void signals.push(...sent) },
    files: {
      downloadUrl: async (file) =>
        `https://files.invalid/${file.session_id}/${file.fencing_token}${file.turn === undefined ? '' : `.${file.turn}`}/${file.kind}`,
      uploadUrl: async (file) =>
        `https://files.invalid/${file.session_id}/${file.fencing_token}${file.turn === undefined ? '' : `.${file.turn}`}/${file.kind}?put`,
      remove: async (file) => void removed.push(file),
      putText: async (key, text) => void texts.set(key, text),
      getText: async (key) => texts.get(key),
    },
    alarm_clock: { set: async ({ schedule_id }, { entries }) => void alarms.set(schedule_id, entries) },
    compute: {
      launch: async (launch) => {
        const answer = launch_answers.shift()
        if (answer !== undefined && !answer.ok) return answer
        const known = sandboxes.find((sandbox) => sandbox.attempt_id === launch.attempt_id)
        if (known !== undefined) return { ok: true, execution_id: known.execution_id }
        const execution_id = `arn:task/${launch.attempt_id}`
        sandboxes.push({ ...launch, execution_id, state: 'starting' })
        return { ok: true, execution_id }
      },
      stop: async (execution_id) => {
        for (const sandbox of sandboxes) if (sandbox.execution_id === execution_id) sandbox.state = 'stopped'
      },
      describe: async (execution_ids) => execution_ids.map((id) => sandboxes.find((sandbox) => sandbox.execution_id === id)?.state ?? 'unknown'),
      find: async (attempt) => sandboxes.find((sandbox) => sandbox.run_id === attempt.run_id && sandbox.attempt_no === attempt.attempt_no)?.execution_id,
    },
  }
  const deliverOne = async (signal: Signal): Promise<void> => {
    if (signal.kind === 'class') await lookAtClass(deps, signal)
    else if (signal.kind === 'ceiling') await lookAtCeiling(deps, signal.owner)
    else if (signal.kind === 'session') await lookAtSession(deps, signal)
    else if (signal.kind === 'attempt') await applyAttemptEvent(deps, signal.event)
    else if (signal.kind === 'schedule') await lookAtSchedule(deps, signal)
    else if (signal.kind === 'task' && signal.delay_ms === 0) await lookAtTask(deps, signal)
  }
  return {
    deps,
    workspace_id,
    signals,
    sandboxes,
    launch_answers,
    alarms,
    removed,
    texts,
    advance: (by_ms) => {
      now_ms += by_ms
    },
    makeAgent: async (config = {}) => {
      const agent = Agent.parse({
        kind: 'agent',
        id: AgentIdSchema.parse(ids.mint('agent')),
        workspace_id,
        agent_key: `agent-${now_ms % 1000}${sandboxes.length}`,
        name: 'A',
        config: AgentConfig.parse({ runner: 'process', command: ['true'], ...config }),
        active: true,
        created_at: timestamp(now_ms),
        updated_at: timestamp(now_ms),
        version: 1,
      })
      await deps.store.commit([{ op: 'put_if_absent', record: agent }])
      return agent
    },
    accept: async (params) => {
      const result = await acceptCommand(deps, {
        workspace_id,
        params: CommandParams.parse({ message: 'hello', ...(params.session_id === undefined ? {} : { hook_id: 'test' }), ...params }),
        body_hash: JSON.stringify(params),
      })
      if (!result.ok) throw new Error(`${result.code}: ${result.detail}`)
      return result.value
    },
    deliver: async () => {
      for (let signal = signals.shift(); signal !== undefined; signal = signals.shift()) await deliverOne(signal)
    },
    task: async (task_id) => {
      const task = await deps.store.get(refs.task(workspace_id, task_id))
      if (task === undefined) throw new Error(`no ${task_id}`)
      return task
    },
    run: async (run_id) => {
      const run = await deps.store.get(refs.run(workspace_id, run_id))
      if (run === undefined) throw new Error(`no ${run_id}`)
      return run
    },
    claim: async (sandbox) => {
      sandbox.state = 'running'
      const attempt_token_hash = createHash('sha256').update(secretOf(sandbox)).digest('hex')
      return claimAttempt(
        deps,
        Claim.parse({
          workspace_id: sandbox.workspace_id,
          run_id: sandbox.run_id,
          attempt_no: sandbox.attempt_no,
          claim_token: sandbox.claim_token,
          attempt_token_hash,
          execution_id: sandbox.execution_id,
        }),
      )
    },
    finish: async (sandbox, word = {}) => {
      sandbox.state = 'stopped'
      return applyAttemptEvent(deps, {
        type: 'finished',
        workspace_id,
        run_id: sandbox.run_id,
        attempt_no: sandbox.attempt_no,
        outcome: 'ok',
        usage: test_usage,
        ...word,
      })
    },
  }
}
