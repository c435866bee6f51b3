/** Sending inputs to the plane in memory, and speaking to it as a runner that takes them. */
import { endTurn, takeInputs } from '../../shared/flows/turns.ts'
import { reportFinish } from '../../shared/flows/runner.ts'
import { sendInput, type Sent } from '../../shared/flows/inputs.ts'
import { canonicalHash } from '../../shared/domain/canonical-json.ts'
import { RunId } from '../../shared/domain/ids.ts'
import { refs } from '../../shared/store/keys.ts'
import { at, identity } from './looks.ts'
import { testPlane, test_usage, type Sandbox, type TestPlane } from './plane.ts'
import type { Finish, TakeInputsAnswer } from '../../shared/contract/runner-protocol.ts'
import type { CommandParamsInput } from '../../shared/domain/command.ts'
import type { Disposition, QueueMode } from '../../shared/domain/input.ts'
import type { Result } from '../../shared/domain/result.ts'
import type { Store } from '../../shared/store/store.ts'
import type { TaskId } from '../../shared/domain/ids.ts'

export const valueOf = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(`${result.code}: ${result.detail}`)
  return result.value
}

export const sendTo = async (
  plane: TestPlane,
  run_id: string,
  message: string,
  queue_mode: QueueMode = 'followup',
  idempotency_key?: string,
): Promise<Result<Sent>> =>
  sendInput(plane.deps, {
    workspace_id: plane.workspace_id,
    run_id: RunId.parse(run_id),
    message,
    queue_mode,
    body_hash: canonicalHash({ message, queue_mode }),
    ...(idempotency_key === undefined ? {} : { idempotency_key }),
  })

export const take = async (plane: TestPlane, sandbox: Sandbox, turn: number, open = false): Promise<TakeInputsAnswer> =>
  valueOf(await takeInputs(plane.deps, identity(plane, sandbox), { turn, open }))

export const messagesOf = ({ inputs }: TakeInputsAnswer): readonly string[] => inputs.map(({ message }) => message)

export const endOf = async (plane: TestPlane, sandbox: Sandbox, turn: number, more: { saved?: Finish['saved']; waits?: boolean } = {}) =>
  endTurn(plane.deps, identity(plane, sandbox), { turn, usage: test_usage, waits: false, ...more })

export const finishTurn = async (plane: TestPlane, sandbox: Sandbox, turn: number, more: Partial<Finish> = {}) =>
  reportFinish(plane.deps, identity(plane, sandbox), { outcome: 'ok', usage: test_usage, turn, ...more })

/** One task, whose attempt is claimed. */
export const oneLive = async (params: Omit<CommandParamsInput, 'agent_id' | 'message'> = {}, store?: Store) => {
  const plane = testPlane(store === undefined ? {} : { store })
  const agent = await plane.makeAgent()
  const { task } = await plane.accept({ agent_id: agent.id, ...params })
  await plane.deliver()
  const sandbox = at(plane.sandboxes, 0)
  const assignment = valueOf(await plane.claim(sandbox))
  return { plane, agent, task, sandbox, assignment, run_id: sandbox.run_id }
}

/** What became of each input of a task, in order of `seq`. */
export const dispositionsOf = async (plane: TestPlane, task_id: TaskId): Promise<readonly (Disposition | undefined)[]> => {
  const found: (Disposition | undefined)[] = []
  for (let seq = 1; ; seq += 1) {
    const input = await plane.deps.store.get(refs.input(plane.workspace_id, task_id, seq))
    if (input === undefined) return found
    found.push(input.settled?.disposition)
  }
}
