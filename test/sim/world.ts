/** One simulated deployment: its table, queues, sandboxes, tenants and clock, and what a seed does to them. */
import type { Change } from '../../shared/audit/changes.ts'
import type { Finish } from '../../shared/contract/runner-protocol.ts'
import type { Role } from '../../shared/domain/workspace.ts'
import type { Ids, Launch } from '../../shared/ports/ports.ts'
import { journalled, type Journal } from '../support/journal.ts'
import { countingIds } from '../support/plane.ts'
import { seeded, type Seeded } from '../support/seeded.ts'
import { noAlarms, type Alarms } from './alarms.ts'
import { checkCommit } from './checks.ts'
import { faultsOf, type FaultKind, type Faults } from './faults.ts'
import { gates, type Call, type Gates } from './gates.ts'
import { beginningOf, hasSchedules } from './beginnings.ts'
import { queueOf, type Queue } from './queue.ts'
import type { ToolUse } from './tools.ts'
import { traceOf, type Trace } from './trace.ts'

/** A handler that runs: what it may call, how far off its clock is, and from which release it is. */
export interface Flow {
  readonly world: World
  readonly number: number
  readonly name: string
  readonly call: Call
  readonly skew_ms: number
  readonly is_next_release: boolean
  /** Commits to the table when it began. */
  readonly began: number
  /** Something was injected into it: its answer may be a failure. */
  hurt: boolean
  /** Commits that it made. */
  commits: number
}

/** A workspace and those who work in it. */
export interface Tenant {
  readonly workspace_id: string
  readonly keys: Readonly<Record<Role, string>>
}

/** A sandbox and the runner in it. */
export interface Sandbox extends Launch {
  readonly execution_id: string
  state: 'starting' | 'running' | 'stopped'
  /** It cannot claim before. */
  readonly starts_at_ms: number
  /** When it was told to stop, by compute or by a heartbeat. */
  told_to_stop_at_ms?: number
  /** Until then it ignores the order. */
  deaf_until_ms?: number
  claimed: boolean
  /** The runner says nothing more. */
  hung: boolean
  /** The runner goes on although compute has lost it. */
  zombie: boolean
  /** The turn that goes on (`open`), or would come next. */
  turn: number
  open: boolean
  /** It was told that some input waits. */
  knows_input: boolean
  /** The turn whose end it has told: its agent asks nothing in that any more. */
  told_turn?: number
  /** What its agent asks about, by tool_use_id. */
  readonly tools: Map<string, ToolUse>
  /** The connection on which it is rung. */
  doorbell?: string
  /** One of an older release does not. */
  counts_turns: boolean
  /** Outcomes that it has reported. */
  readonly said: Set<string>
  /** What the runner said when it ended; it says the same again until it is heard. */
  word?: Finish
}

/** A command that a client has sent, and sends again until it is answered. */
export interface Submission {
  readonly tenant: Tenant
  readonly body: Readonly<Record<string, unknown>>
  task_id?: string
}

export interface World {
  readonly seed: number
  readonly random: Seeded
  readonly faults: Faults
  readonly gates: Gates
  /** The handlers that have begun, by number. */
  readonly flows: Map<number, Flow>
  readonly journal: Journal
  readonly ids: Ids
  readonly queues: Readonly<Record<'dispatch' | 'attempt_events' | 'wake', Queue>>
  readonly sandboxes: Sandbox[]
  readonly alarms: Alarms
  readonly tenants: Tenant[]
  readonly submissions: Submission[]
  /** Inputs that were accepted, by task and key, or by their own id. */
  readonly sent_inputs: Map<string, string>
  /** Approvals that somebody was told he has answered, and how. */
  readonly answered: Map<string, 'approve' | 'reject'>
  /** Attempts that have used a tool, by tool_use_id. */
  readonly used: Map<string, string[]>
  /** Rings on their way. */
  readonly doorbells: { readonly doorbell: string; readonly at_ms: number }[]
  /** Runs whose cancel was answered: nothing of them may start. */
  readonly cancelled_runs: Set<string>
  /** Attempts whose launch compute has refused. */
  readonly refused: Set<string>
  readonly violations: string[]
  readonly trace: Trace
  /** The handler whose commit is being applied. */
  committer: Flow | undefined
  readonly began_ms: number
  now_ms: number
}

export interface SimulationOptions {
  readonly seed: number
  /** How much the seed does; the default depends on the seed. */
  readonly acts?: number | undefined
  /** Faults that never strike. */
  readonly without?: readonly FaultKind[] | undefined
  /** Keep the lines of the trace, not only its hash. */
  readonly keep_trace?: boolean | undefined
}

const usual_began_ms = Date.parse('2026-11-22T09:00:00.000Z')

const describe = (world: World, lane: string, changes: readonly { readonly after: { readonly kind: string; readonly version: number } | undefined }[]): void =>
  world.trace.add(
    world.now_ms,
    lane,
    `commits ${changes.map(({ after }) => (after === undefined ? 'a deletion' : `${after.kind} v${after.version}`)).join(', ')}`,
  )

/** What a commit made of tasks, runs and attempts, each in a lane of its own. */
const tell = (world: World, changes: readonly Change[]): void => {
  for (const { after } of changes) {
    if (after?.kind === 'task') world.trace.add(world.now_ms, after.id, after.state)
    if (after?.kind === 'tick') world.trace.add(world.now_ms, after.schedule_id, `${after.tick_at} ${after.end.outcome}: ${after.end.reason}`)
    if (after?.kind !== 'run') continue
    world.trace.add(world.now_ms, after.id, `${after.status}, at attempt ${after.attempt.attempt_no}`)
    world.trace.add(world.now_ms, after.attempt.id, `${after.attempt.status} for ${after.task_id} in ${after.session_id}`)
  }
}

/** A deployment at its first moment. */
export const newWorld = ({ seed, without = [], keep_trace = false }: SimulationOptions): World => {
  const random = seeded(seed)
  const began_ms = hasSchedules(seed) ? beginningOf(seed) : usual_began_ms
  const faults = faultsOf(random, without)
  const journal = journalled((changes, all) => {
    const { committer } = world
    describe(world, committer === undefined ? 'setup' : `handler ${committer.number}`, changes)
    tell(world, changes)
    if (committer !== undefined) committer.commits += 1
    world.violations.push(...checkCommit(world, all, changes))
  })
  const queue = (name: string, fifo: boolean): Queue =>
    queueOf({ name, fifo, random, faults, tell: (id, text, is_fault) => world.trace.add(world.now_ms, id, text, is_fault) })
  const world: World = {
    seed,
    random,
    faults,
    gates: gates(),
    flows: new Map(),
    journal,
    ids: countingIds(),
    queues: { dispatch: queue('dispatch', true), attempt_events: queue('attempt-events', true), wake: queue('wake', false) },
    sandboxes: [],
    alarms: noAlarms(),
    tenants: [],
    submissions: [],
    sent_inputs: new Map(),
    answered: new Map(),
    used: new Map(),
    doorbells: [],
    cancelled_runs: new Set(),
    refused: new Set(),
    violations: [],
    trace: traceOf(keep_trace),
    committer: undefined,
    began_ms,
    now_ms: began_ms,
  }
  return world
}
