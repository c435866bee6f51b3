/** Sending an input to a run: exactly once per (task, idempotency key), durable when it returns. */
import { inputName } from '../domain/class-key.ts'
import { refuseAgent } from '../domain/decide/accept.ts'
import { decideInput, decideInputAfterRun, type InputRequest } from '../domain/decide/input.ts'
import { decided, type Decision } from '../domain/decision.ts'
import { InputId, type RunId, type WorkspaceId } from '../domain/ids.ts'
import { redactText } from '../domain/redact.ts'
import { refuse, type Refusal, type Result } from '../domain/result.ts'
import { isEndedRun, isTerminalTask, type EndedRun } from '../domain/transitions.ts'
import { refs } from '../store/keys.ts'
import { settle, type FlowDeps } from './flow.ts'
import { refuseKilled } from './kill.ts'
import { loadCommand, loadTargetRun } from './load.ts'
import { withOverflow } from './overflow.ts'
import type { Input, QueueMode } from '../domain/input.ts'
import type { Run } from '../domain/run.ts'
import type { Task } from '../domain/task.ts'

export interface SendInputRequest {
  readonly workspace_id: WorkspaceId
  readonly run_id: RunId
  readonly message: string
  readonly queue_mode: QueueMode
  readonly idempotency_key?: string | undefined
  readonly body_hash: string
}
export interface Sent {
  readonly task: Task
  readonly input: Input
  readonly idempotent_hit: boolean
  /** The key was used before with another body. */
  readonly idempotency_mismatch: boolean
}

/** The input that a name leads to: its id, or the hash of its task and idempotency key. */
export const inputByName = async (deps: FlowDeps, workspace_id: string, name: string): Promise<Input | undefined> => {
  const found = await deps.store.get(refs.inputName(workspace_id, name))
  return found === undefined ? undefined : deps.store.get(refs.input(workspace_id, found.task_id, found.seq))
}

const taskOf = async (deps: FlowDeps, run: Run): Promise<Task> => {
  const task = await deps.store.get(refs.task(run.workspace_id, run.task_id))
  if (task === undefined) throw new Error(`${run.task_id} of ${run.id} is missing`)
  return task
}

const afterRun = async (deps: FlowDeps, run: EndedRun, task: Task, request: InputRequest): Promise<ReturnType<typeof decideInputAfterRun> | undefined> => {
  if (task.state === 'running' || task.state === 'waiting') return undefined
  const agent = isTerminalTask(task) ? await deps.store.get(refs.agent(task.workspace_id, task.agent_id)) : undefined
  const refusal = agent === undefined ? undefined : refuseAgent(agent, deps.deployment)
  return refusal ?? decideInputAfterRun({ run, task, command: await loadCommand(deps, task) }, request, deps.clock.now())
}

/** @returns undefined where what was read does not fit together */
const decideSent = async (deps: FlowDeps, run: Run, task: Task, request: InputRequest): Promise<Decision<Sent> | Refusal | undefined> => {
  const sent = (input: Input, now: Task): Sent => ({ task: now, input, idempotent_hit: false, idempotency_mismatch: false })
  if (!isEndedRun(run)) {
    if (run.parked !== undefined && task.state !== 'waiting') return undefined
    const command = run.parked === undefined ? undefined : await loadCommand(deps, task)
    const decision = decideInput(run, request, deps.clock.now(), task, command)
    return decision.ok ? { ...decision, value: sent(decision.value, task) } : decision
  }
  const decision = await afterRun(deps, run, task, request)
  return decision?.ok === true ? { ...decision, value: sent(decision.value.input, decision.value.task) } : decision
}

/**
 * Stores an input for the task's latest run, which a message to an earlier one of its runs reaches too. The same key returns the first input,
 * whatever the rest of the body says. Secrets are redacted before anything is stored.
 */
export const sendInput = async (deps: FlowDeps, { workspace_id, run_id, message, body_hash, ...named }: SendInputRequest): Promise<Result<Sent>> => {
  const request: InputRequest = { ...named, id: InputId.parse(deps.ids.mint('input')), message: redactText(message), body_hash }
  return settle<Sent>(deps, async () => {
    const [asked, killed] = await Promise.all([deps.store.get(refs.run(workspace_id, run_id)), refuseKilled(deps, workspace_id)])
    if (asked === undefined) return refuse('not_found', `no run ${run_id}`)
    const task = await taskOf(deps, asked)
    const { idempotency_key } = request
    const first = idempotency_key === undefined ? undefined : await inputByName(deps, workspace_id, inputName(task.id, idempotency_key))
    if (first !== undefined) return decided([], [], { task, input: first, idempotent_hit: true, idempotency_mismatch: first.body_hash !== body_hash })
    if (killed !== undefined) return killed
    const run = await loadTargetRun(deps, task)
    if (run === undefined) return undefined
    const decision = await decideSent(deps, run, task, request)
    return decision?.ok === true ? { ...decision, writes: await withOverflow(deps, decision.writes) } : decision
  })
}
