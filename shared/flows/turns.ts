/** Turns of a live attempt, as its runner tells them: which inputs it takes, and that a turn has ended. */
import { decideTake, decideTurnEnd, type TurnState } from '../domain/decide/turn.ts'
import { refuse, ok, type Refusal, type Result } from '../domain/result.ts'
import { refs } from '../store/keys.ts'
import { settle, type FlowDeps } from './flow.ts'
import { loadAttached, loadCommand, loadPendingInputs } from './load.ts'
import { wholeMessage } from './overflow.ts'
import { liveRun, type RunnerIdentity } from './runner-identity.ts'
import { removeFiles, supersededBy } from './saved-files.ts'
import type { TakeInputs, TakeInputsAnswer, TurnEnd, TurnEndAnswer } from '../contract/runner-protocol.ts'
import type { Input } from '../domain/input.ts'
import type { Run } from '../domain/run.ts'
import type { Task } from '../domain/task.ts'
import type { SessionFile } from '../ports/ports.ts'

const taskOf = async (deps: FlowDeps, run: Run): Promise<Task> => {
  const task = await deps.store.get(refs.task(run.workspace_id, run.task_id))
  if (task === undefined) throw new Error(`${run.task_id} is missing`)
  return task
}

/** Hands inputs that wait to the runner. Asked again, it answers the same. */
export const takeInputs = async (deps: FlowDeps, identity: RunnerIdentity, { turn, open }: TakeInputs): Promise<Result<TakeInputsAnswer>> => {
  let known: readonly Input[] = []
  const taken = await settle(deps, async () => {
    const live = await liveRun(deps, identity)
    if (!live.ok) return live
    const run = live.value
    const inputs = await loadPendingInputs(deps, run)
    if (inputs === undefined) return undefined
    known = inputs
    const task = run.waiting_since === undefined ? undefined : await taskOf(deps, run)
    if (task !== undefined && task.state !== 'waiting') return undefined
    return decideTake({ run, inputs, task }, { attempt_no: identity.attempt_no, turn, open }, deps.clock.now())
  })
  if (!taken.ok) return taken
  const chosen = taken.value.ids.flatMap((id) => known.filter((input) => input.id === id))
  const inputs = await Promise.all(
    chosen.map(async (input) => ({ id: input.id, seq: input.seq, queue_mode: input.queue_mode, message: await wholeMessage(deps, input) })),
  )
  return ok({ how: taken.value.how, turn: taken.value.turn, inputs })
}

/** What a turn's end touches beside the run; a refusal where the run may not wait. Undefined where it does not fit together. */
const loadTurn = async (deps: FlowDeps, run: Run, waits: boolean): Promise<TurnState | Refusal | undefined> => {
  const [attached, session, task] = await Promise.all([
    loadAttached(deps, run),
    deps.store.get(refs.session(run.workspace_id, run.session_id)),
    waits ? taskOf(deps, run) : undefined,
  ])
  if (attached === undefined) return undefined
  const { inputs, approvals } = attached
  if (task === undefined) return { run, inputs, approvals, session }
  if (task.state !== (run.waiting_since === undefined ? 'running' : 'waiting')) return undefined
  if ((await loadCommand(deps, task)).params.policy.interactive) return { run, inputs, approvals, session, task }
  return refuse('illegal_state', `${run.id} does not wait for inputs: its policy is not interactive`)
}

/** A turn has ended and the attempt goes on: what it saved is current from here on, and what it had taken is consumed. */
export const endTurn = async (deps: FlowDeps, identity: RunnerIdentity, request: TurnEnd): Promise<Result<TurnEndAnswer>> => {
  let superseded: readonly SessionFile[] = []
  const ended = await settle(deps, async () => {
    const live = await liveRun(deps, identity)
    if (!live.ok) return live
    const state = await loadTurn(deps, live.value, request.waits)
    if (state === undefined || 'ok' in state) return state
    const decision = decideTurnEnd(state, { ...request, attempt_no: identity.attempt_no }, deps.clock.now())
    superseded = decision.ok ? supersededBy(state.session, decision.writes) : []
    return decision
  })
  if (!ended.ok) return ended
  await removeFiles(deps, superseded)
  return ok({ inputs_wait: ended.value.pending_count > 0 })
}
