/** Accepting a command: exactly once per (workspace, agent, idempotency key), durable when it returns. */
import { commandKey } from '../domain/class-key.ts'
import { decideAccept, type Accepted } from '../domain/decide/accept.ts'
import { ok, refuse, type Refusal, type Result } from '../domain/result.ts'
import { SessionId, TaskId, type WorkspaceId } from '../domain/ids.ts'
import { refs } from '../store/keys.ts'
import { sendSignals, type FlowDeps } from './flow.ts'
import { refusalOf } from './kill.ts'
import { loadCommand } from './load.ts'
import { withOverflow } from './overflow.ts'
import type { Command, CommandParams } from '../domain/command.ts'
import type { Decision } from '../domain/decision.ts'

export interface AcceptResult extends Accepted {
  readonly idempotent_hit: boolean
  /** The key was used before with another body. */
  readonly idempotency_mismatch: boolean
}
export interface AcceptCommandRequest {
  readonly workspace_id: WorkspaceId
  readonly params: CommandParams
  readonly body_hash: string
}

/** What a command gets where it names none. */
export const freshIds = (deps: FlowDeps) => ({
  task_id: TaskId.parse(deps.ids.mint('task')),
  session_id: SessionId.parse(deps.ids.mint('input').replace(/^inp/, 'ses')),
  idempotency_key: deps.ids.mint('input').replace(/^inp/, 'idem'),
})

/** The task that the key already has. It signals again if the task still waits: the first answer may have been lost before its signal. */
const firstTask = async (deps: FlowDeps, first: Command, body_hash: string): Promise<AcceptResult> => {
  const task = await deps.store.get(refs.task(first.workspace_id, first.task_id))
  if (task === undefined) throw new Error(`${first.task_id} is missing, but its command is there`)
  if (task.state === 'queued') await sendSignals(deps, [{ kind: 'class', workspace_id: task.workspace_id, class_key: task.class_key }])
  return { task, command: await loadCommand(deps, task), idempotent_hit: true, idempotency_mismatch: first.body_hash !== body_hash }
}

const findFirst = async (deps: FlowDeps, request: AcceptCommandRequest): Promise<Command | undefined> => {
  const { idempotency_key, agent_id } = request.params
  return idempotency_key === undefined ? undefined : deps.store.get(refs.command(request.workspace_id, commandKey(agent_id, idempotency_key)))
}

const parentIsMissing = async (deps: FlowDeps, { workspace_id, params }: AcceptCommandRequest): Promise<boolean> =>
  params.parent_task_id !== undefined && (await deps.store.get(refs.task(workspace_id, params.parent_task_id))) === undefined

const decideOnce = async (deps: FlowDeps, request: AcceptCommandRequest): Promise<Decision<Accepted> | Refusal> => {
  const { workspace_id, params, body_hash } = request
  const [agent, gate] = await deps.store.getMany<'agent' | 'gate'>([refs.agent(workspace_id, params.agent_id), refs.gate(workspace_id)])
  const killed = gate?.kind === 'gate' ? refusalOf(gate) : undefined
  if (agent?.kind !== 'agent') return refuse('not_found', `no agent ${params.agent_id}`, [{ field: 'agent_id', message: 'no such agent' }])
  if (killed !== undefined) return killed
  if (await parentIsMissing(deps, request))
    return refuse('not_found', `no task ${params.parent_task_id}`, [{ field: 'parent_task_id', message: 'no such task' }])
  return decideAccept({ agent, params, body_hash, fresh: freshIds(deps) }, deps.deployment, deps.clock.now())
}

/**
 * The same key returns the first task, whatever the rest of the body says and however many requests race: the command
 * is stored under its key only if the key is free.
 */
export const acceptCommand = async (deps: FlowDeps, request: AcceptCommandRequest): Promise<Result<AcceptResult>> => {
  const decision = await decideOnce(deps, request)
  if (decision.ok) {
    const committed = await deps.store.commit(await withOverflow(deps, decision.writes))
    if (committed.ok) {
      await sendSignals(deps, decision.signals)
      return ok({ ...decision.value, idempotent_hit: false, idempotency_mismatch: false })
    }
  }
  const first = await findFirst(deps, request)
  if (first !== undefined) return ok(await firstTask(deps, first, request.body_hash))
  return decision.ok ? refuse('too_many_conflicts', 'the command could not be stored: send it again') : decision
}
