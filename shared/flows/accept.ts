/** Accepting a command: exactly once per (workspace, agent, idempotency key), durable when it returns. */
import { commandKey } from '../domain/class-key.ts'
import { commandOf, decideAccept, refuseCommand, type Accepted, type AcceptRequest } from '../domain/decide/accept.ts'
import { decideAcceptFork, type ForkSessions } from '../domain/decide/fork.ts'
import { decideAcceptInput, takesCommand } from '../domain/decide/accept-input.ts'
import { ok, refuse, type Refusal, type Result } from '../domain/result.ts'
import { InputId, SessionId, TaskId, type WorkspaceId } from '../domain/ids.ts'
import { refs } from '../store/keys.ts'
import { decisions_max, sendSignals, type FlowDeps } from './flow.ts'
import { refuseAt } from './kill.ts'
import { loadCommand } from './load.ts'
import { withOverflow } from './overflow.ts'
import type { Command, CommandParams } from '../domain/command.ts'
import type { Decision } from '../domain/decision.ts'
import type { Input } from '../domain/input.ts'
import type { Run } from '../domain/run.ts'

/** With the input that the command became, if the session had a run that takes it: then task and command are that run's. */
interface Decided extends Accepted {
  readonly input?: Input
}
export interface AcceptResult extends Decided {
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
  const input = first.input === undefined ? undefined : await deps.store.get(refs.input(task.workspace_id, task.id, first.input.seq))
  return {
    task,
    command: await loadCommand(deps, task),
    ...(input === undefined ? {} : { input }),
    idempotent_hit: true,
    idempotency_mismatch: first.body_hash !== body_hash,
  }
}

const findFirst = async (deps: FlowDeps, request: AcceptCommandRequest): Promise<Command | undefined> => {
  const { idempotency_key, agent_id } = request.params
  return idempotency_key === undefined ? undefined : deps.store.get(refs.command(request.workspace_id, commandKey(agent_id, idempotency_key)))
}

const parentIsMissing = async (deps: FlowDeps, { workspace_id, params }: AcceptCommandRequest): Promise<boolean> =>
  params.parent_task_id !== undefined && (await deps.store.get(refs.task(workspace_id, params.parent_task_id))) === undefined

/** The run that the named session has or had last. A session that the server is about to name has none. */
const runOfSession = async (deps: FlowDeps, { workspace_id, params }: AcceptCommandRequest): Promise<Run | undefined> => {
  if (params.session_id === undefined || params.hook_id !== undefined || params.fork_from !== undefined) return undefined
  const session = await deps.store.get(refs.session(workspace_id, params.session_id))
  const run_id = session?.owner?.run_id ?? session?.last_run_id
  return run_id === undefined ? undefined : deps.store.get(refs.run(workspace_id, run_id))
}

/** The session that the command forks, and that which it names for itself, which must not be there. */
const forkSessions = async (deps: FlowDeps, workspace_id: WorkspaceId, source: SessionId, target: SessionId | undefined): Promise<ForkSessions> => {
  const read = async (session_id: SessionId | undefined) => (session_id === undefined ? undefined : deps.store.get(refs.session(workspace_id, session_id)))
  const [from, to] = await Promise.all([read(source), read(target)])
  return { source: from, target: to }
}

/** As an input of the run that the session has; undefined where the command is a task of its own. */
const decideAsInput = async (deps: FlowDeps, run: Run, request: AcceptRequest): Promise<Decision<Decided> | undefined> => {
  const now_ms = deps.clock.now()
  if (refuseCommand(request.agent, request.params, deps.deployment) !== undefined || !takesCommand(run, request, commandOf(request, now_ms))) return undefined
  const task = await deps.store.get(refs.task(run.workspace_id, run.task_id))
  if (task === undefined || (run.parked !== undefined && task.state !== 'waiting')) return undefined
  const command = await loadCommand(deps, task)
  const decision = decideAcceptInput({ run, task, command }, request, InputId.parse(deps.ids.mint('input')), now_ms)
  return decision.ok ? { ...decision, value: { task, command, input: decision.value.input } } : undefined
}

const decideOnce = async (deps: FlowDeps, request: AcceptCommandRequest): Promise<Decision<Decided> | Refusal> => {
  const { workspace_id, params, body_hash } = request
  const [[agent, gate], run] = await Promise.all([
    deps.store.getMany<'agent' | 'gate'>([refs.agent(workspace_id, params.agent_id), refs.gate(workspace_id)]),
    runOfSession(deps, request),
  ])
  const killed = refuseAt(gate?.kind === 'gate' ? gate : undefined)
  if (agent?.kind !== 'agent') return refuse('not_found', `no agent ${params.agent_id}`, [{ field: 'agent_id', message: 'no such agent' }])
  if (killed !== undefined) return killed
  if (await parentIsMissing(deps, request))
    return refuse('not_found', `no task ${params.parent_task_id}`, [{ field: 'parent_task_id', message: 'no such task' }])
  const accept = { agent, params, body_hash, fresh: freshIds(deps) }
  if (params.fork_from !== undefined) {
    const { session_id } = params.fork_from
    const sessions = await forkSessions(deps, workspace_id, session_id, params.session_id)
    return decideAcceptFork(accept, session_id, sessions, deps.deployment, deps.clock.now())
  }
  const as_input = run === undefined ? undefined : await decideAsInput(deps, run, accept)
  return as_input ?? decideAccept(accept, deps.deployment, deps.clock.now())
}

/**
 * The same key returns the first task, whatever the rest of the body says and however many requests race: the command
 * is stored under its key only if the key is free. As an input, it is stored only as long as the run takes it, and as a fork only as long
 * as the files that it names are there: where that has moved on, it is decided again.
 */
export const acceptCommand = async (deps: FlowDeps, request: AcceptCommandRequest): Promise<Result<AcceptResult>> => {
  for (let tries = 0; tries < decisions_max; tries += 1) {
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
    if (!decision.ok) return decision
    if (decision.value.input === undefined && request.params.fork_from === undefined) break
  }
  return refuse('too_many_conflicts', 'the command could not be stored: send it again')
}
