/**
 * A plane under chance: commands, doorbells, sandboxes, crashes and clocks in any order that a seed makes. After every commit the
 * table is checked, and what is wrong is noted.
 */
import { Deployment } from '../../shared/settings.ts'
import { WorkspaceId } from '../../shared/domain/ids.ts'
import { standsBefore } from '../../shared/domain/lines.ts'
import { isEndedRun } from '../../shared/domain/transitions.ts'
import { admittedBy, type Change } from '../../shared/audit/changes.ts'
import { findings, skew_max_ms } from './invariants.ts'
import { attemptWrongs } from '../sim/checks/attempts.ts'
import { gates, type Call, type Gates } from './gates.ts'
import { journalled, type Journal } from './journal.ts'
import { countingIds, type Sandbox } from './plane.ts'
import { seeded, type Seeded } from './seeded.ts'
import type { LookDeps } from '../../shared/flows/flow.ts'
import type { Run } from '../../shared/domain/run.ts'
import type { Launch, LaunchResult, Signal } from '../../shared/ports/ports.ts'

interface Doorbell {
  readonly signal: Signal
  readonly at_ms: number
}
export interface ActedSandbox extends Sandbox {
  told_to_stop: boolean
  /** Outcomes that its runner has reported. */
  readonly said: Set<string>
}

export interface Chaos {
  readonly random: Seeded
  readonly gates: Gates
  readonly journal: Journal
  readonly workspace_id: WorkspaceId
  readonly ids: LookDeps['ids']
  readonly doorbells: Doorbell[]
  readonly sandboxes: ActedSandbox[]
  /** Runs whose cancel was answered: nothing of them may start. */
  readonly cancelled_runs: Set<string>
  /** Attempts whose launch was refused. */
  readonly refused: Set<string>
  readonly violations: string[]
  /** Starts a handler over the gates. */
  handle(name: string, handler: (deps: LookDeps) => Promise<void>): void
  /** While off, no call fails and no handler dies. */
  faults: boolean
  now_ms: number
}

/** When the handler began whose commit is being applied, as a number of commits. */
interface Turn {
  began: number
}

/** One that waits for the same session in the same class, and did so before the handler began, goes first. */
const overtaken = (journal: Journal, changes: readonly Change[], turn: Turn): readonly string[] =>
  admittedBy(changes).flatMap((run) => {
    const own = changes.flatMap(({ before }) => (before?.kind === 'place' && before.task_id === run.task_id ? [before] : []))
    const others = journal.all('place').filter((place) => place.session_id === run.session_id && place.class_key === run.class_key)
    const standing = others.filter((place) => journal.stepOf((record) => record.kind === 'place' && record.task_id === place.task_id) <= turn.began)
    return standing.filter((place) => own.some((mine) => standsBefore(place, mine))).map((place) => `${run.task_id} overtook ${place.task_id}`)
  })

/** After a cancel was answered, no attempt of the run is admitted or claims, and the run ends as cancelled. */
const startedAfterCancel = (cancelled: ReadonlySet<string>, changes: readonly Change[]): readonly string[] =>
  changes.flatMap(({ before, after }) => {
    if (after?.kind !== 'run' || !cancelled.has(after.id)) return []
    const started = after.attempt.status === 'running' && before?.kind === 'run' && before.attempt.status !== 'running'
    const ended = before?.kind === 'run' && !isEndedRun(before) && isEndedRun(after) && after.status !== 'cancelled'
    return [
      ...(started || admittedBy([{ before, after }]).length > 0 ? [`${after.id} started after it was cancelled`] : []),
      ...(ended ? [`${after.id} was cancelled and ended as ${after.status}`] : []),
    ]
  })

const launchAnswer = (random: Seeded): LaunchResult | undefined => {
  if (random.chance(0.1)) return { ok: false, why: 'throttled', message: 'slow down' }
  return random.chance(0.03) ? { ok: false, why: 'refused', message: 'no such task definition' } : undefined
}

const launch = (chaos: Chaos, order: Launch): LaunchResult => {
  const answer = chaos.faults ? launchAnswer(chaos.random) : undefined
  if (answer?.ok === false && answer.why === 'refused') chaos.refused.add(order.attempt_id)
  if (answer !== undefined) return answer
  const known = chaos.sandboxes.find((sandbox) => sandbox.attempt_id === order.attempt_id)
  if (known !== undefined) return { ok: true, execution_id: known.execution_id }
  const execution_id = `arn:task/${order.attempt_id}`
  chaos.sandboxes.push({ ...order, execution_id, state: 'starting', told_to_stop: false, said: new Set() })
  return { ok: true, execution_id }
}

const computeOf = (chaos: Chaos, call: Call): LookDeps['compute'] => ({
  launch: (order) => call('launch', async () => launch(chaos, order)),
  stop: (execution_id) =>
    call('stop', async () => {
      for (const sandbox of chaos.sandboxes) if (sandbox.execution_id === execution_id) sandbox.told_to_stop = true
    }),
  describe: (execution_ids) =>
    call('describe', async () => execution_ids.map((id) => chaos.sandboxes.find((sandbox) => sandbox.execution_id === id)?.state ?? 'unknown')),
  find: ({ run_id, attempt_no }) =>
    call('find', async () => chaos.sandboxes.find((sandbox) => sandbox.run_id === run_id && sandbox.attempt_no === attempt_no)?.execution_id),
})

const deployment = Deployment.parse({ runners: ['claude_code', 'process'], failed_attempt_threshold: 3 })

/** A plane at its first moment, for a seed. */
export const newChaos = (seed: number): Chaos => {
  const ids = countingIds()
  const turn: Turn = { began: 0 }
  const journal = journalled((changes, all) => {
    const wrong = [...findings(all, changes, chaos.now_ms), ...overtaken(all, changes, turn), ...startedAfterCancel(chaos.cancelled_runs, changes)]
    const commandOf = (run: Run) =>
      all.all('command').find((command) => all.all('task').some((task) => task.id === run.task_id && task.command_key === command.command_key))
    chaos.violations.push(...wrong, ...attemptWrongs(changes, { ...chaos, deployment, skew_ms: 2 * skew_max_ms, commandOf }))
  })
  const chaos: Chaos = {
    random: seeded(seed),
    gates: gates(),
    journal,
    workspace_id: WorkspaceId.parse(ids.mint('workspace')),
    ids,
    doorbells: [],
    sandboxes: [],
    cancelled_runs: new Set(),
    refused: new Set(),
    violations: [],
    handle: (name, handler) => chaos.gates.start(name, async (call) => handler(depsOf(call))),
    faults: true,
    now_ms: Date.parse('2026-11-22T09:00:00.000Z'),
  }
  const ring = (signals: readonly Signal[]): void => {
    chaos.doorbells.push(...signals.map((signal) => ({ signal, at_ms: chaos.now_ms + ('delay_ms' in signal ? signal.delay_ms : 0) })))
  }
  /** The ports of one handler: everything it calls stops at a gate, and its clock is a little off. */
  const depsOf = (call: Call): LookDeps => {
    const skew_ms = chaos.random.int(2 * skew_max_ms) - skew_max_ms
    const began = journal.step()
    const { store } = journal
    return {
      ids,
      deployment,
      clock: { now: () => chaos.now_ms + skew_ms },
      store: {
        get: (ref) => call(`get ${ref.kind}`, async () => store.get(ref)),
        getMany: (refs) => call(`get many`, async () => store.getMany(refs)),
        range: (query) => call(`range of ${query.index}`, async () => store.range(query)),
        commit: (writes) =>
          call('commit', async () => {
            turn.began = began
            return store.commit(writes)
          }),
      },
      signals: { send: (signals) => call('send', async () => ring(signals)) },
      files: {
        downloadUrl: async () => 'https://files.invalid/get',
        uploadUrl: async () => 'https://files.invalid/put',
        putText: async () => undefined,
        getText: async () => undefined,
      },
      compute: computeOf(chaos, call),
      alarm_clock: { set: async () => call('set alarm', async () => undefined) },
    }
  }
  return chaos
}
