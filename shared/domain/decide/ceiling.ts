/** Ceilings: who may be admitted, who waits for a turn, and counting what was live before a ceiling was set. */
import { decided, type Decision } from '../decision.ts'
import { deployment_owner, ownerOf, scopeOf, type Ceiling, type CeilingOwner, type CeilingScope, type Turn } from '../ceiling.ts'
import { freedDue } from '../due.ts'
import { gate_shut_after_ms, type Gate } from '../gate.ts'
import { isLive, type Run } from '../run.ts'
import { millis, timestamp, type Timestamp } from '../time.ts'
import { refOf, refs } from '../../store/keys.ts'
import type { Instance } from '../instance.ts'
import type { Signal } from '../../ports/ports.ts'
import type { CeilingChange, Write } from '../../store/store.ts'

/** Under which ceilings attempts are admitted, and the turn that this takes. */
export interface Passage {
  readonly ceilings: readonly Ceiling[]
  readonly turn: Turn | undefined
}
export const open_passage: Passage = { ceilings: [], turn: undefined }

export const ceilingSignal = (owner: CeilingOwner): Signal => ({ kind: 'ceiling', owner })

export const newCeiling = (owner: CeilingOwner, limit: number, now_ms: number): Ceiling => ({
  kind: 'ceiling',
  owner,
  limit,
  live: 0,
  counting_since: timestamp(now_ms),
  set_no: 1,
  last_rank: 0,
  served_rank: 0,
  due_at: timestamp(now_ms),
  created_at: timestamp(now_ms),
  version: 1,
})

export const turnOf = (instance: Instance): Turn | undefined =>
  instance.turn_owner === undefined || instance.turn_rank === undefined
    ? undefined
    : { kind: 'turn', owner: instance.turn_owner, workspace_id: instance.workspace_id, class_key: instance.class_key, rank: instance.turn_rank, version: 1 }

export const freePlaces = (ceiling: Ceiling): number => (ceiling.counting_since === undefined ? Math.max(0, ceiling.limit - ceiling.live) : 0)

/**
 * How many of a class may pass now. Without a turn, what is free beyond the turns that stand before; with a turn within what is free, one.
 * Who has a turn in the deployment's line has passed that of its workspace before, and needs no more there than a free place: two classes that
 * each have their turn in another line would else send each other back for ever.
 * @param heads the first turns of the line, at least as many as places are free or all
 */
export const passable = (ceiling: Ceiling, heads: readonly Turn[], own: Turn | undefined): number => {
  const free = freePlaces(ceiling)
  if (own?.owner === deployment_owner && ceiling.owner !== deployment_owner) return Math.min(1, free)
  if (own?.owner !== ceiling.owner) return Math.max(0, free - heads.length)
  const before = heads.findIndex((turn) => turn.class_key === own.class_key && turn.workspace_id === own.workspace_id)
  return before !== -1 && before < free ? 1 : 0
}

/** The counts of attempts that are admitted, in their own transaction. */
export const countAdmitted = (passage: Passage, count: number): readonly Write[] => [
  ...passage.ceilings.map(({ owner, limit, set_no }): Write => ({
    op: 'add_within_limit',
    ref: refs.ceiling(owner),
    change: { add: { live: count }, ...(passage.turn?.owner === owner ? { set: { served_rank: passage.turn.rank } } : {}) },
    conditions: [
      { field: 'limit', is: 'equals', value: limit },
      { field: 'live', is: 'at_most', value: limit - count },
      ...(set_no === undefined ? [] : [{ field: 'set_no', is: 'equals', value: set_no } as const]),
    ],
  })),
  ...(passage.turn === undefined ? [] : [{ op: 'delete_if_version', ref: refOf(passage.turn), version: passage.turn.version } as const]),
]

/** The counts of an attempt that ends, in its own transaction. The ceiling is due from then on: somebody may pass. */
export const countEnded = (run: Run, now_ms: number): { readonly writes: readonly Write[]; readonly signals: readonly Signal[] } => {
  const owners = isLive(run.attempt) ? (run.attempt.counted ?? []).map((scope) => ownerOf(scope, run.workspace_id)) : []
  return {
    writes: owners.map((owner) => ({
      op: 'add_within_limit',
      ref: refs.ceiling(owner),
      change: { add: { live: -1 }, set: { due_at: freedDue(now_ms) } },
      conditions: [{ field: 'live', is: 'at_least', value: 1 }],
    })),
    signals: owners.map(ceilingSignal),
  }
}

/** Rank of the next turn: behind all that this workspace has, and not before what is served now. */
const nextRank = (ceiling: Ceiling, gate: Gate | undefined): number =>
  1 + Math.max(ceiling.served_rank, ceiling.owner === deployment_owner ? (gate?.share_rank ?? 0) : ceiling.last_rank)

const shareWrite = (instance: Instance, gate: Gate | undefined, share_rank: number, now_ms: number): Write => {
  const now = timestamp(now_ms)
  if (gate !== undefined) return { op: 'replace_if_version', record: { ...gate, share_rank, updated_at: now } }
  const made: Gate = { kind: 'gate', workspace_id: instance.workspace_id, waking: false, share_rank, created_at: now, updated_at: now, version: 1 }
  return { op: 'put_if_absent', record: made }
}

/** Leaves the line that the class stands in. Whoever stands behind may pass now. */
const leaveLine = (turn: Turn, now_ms: number): readonly Write[] => [
  { op: 'delete_if_version', ref: refOf(turn), version: turn.version },
  { op: 'add_within_limit', ref: refs.ceiling(turn.owner), change: { add: {}, set: { due_at: freedDue(now_ms) } }, conditions: [] },
]

/**
 * The class takes a turn, and gives up the one that it has in another line. The ceiling is due with it: a place that was freed meanwhile is
 * found, whatever becomes of doorbells.
 */
export const decideTakeTurn = (instance: Instance, ceiling: Ceiling, gate: Gate | undefined, now_ms: number): Decision => {
  const { workspace_id, class_key } = instance
  const rank = nextRank(ceiling, gate)
  const in_deployment = ceiling.owner === deployment_owner
  const turn: Turn = { kind: 'turn', owner: ceiling.owner, workspace_id, class_key, rank, version: 1 }
  const left = turnOf(instance)
  return decided(
    [
      { op: 'put_if_absent', record: turn },
      {
        op: 'add_within_limit',
        ref: refs.instance(workspace_id, class_key),
        change: { add: {}, set: { turn_owner: ceiling.owner, turn_rank: rank } },
        conditions: [{ field: 'version', is: 'equals', value: instance.version }],
      },
      {
        op: 'add_within_limit',
        ref: refs.ceiling(ceiling.owner),
        change: { add: {}, set: { due_at: freedDue(now_ms), ...(in_deployment ? {} : { last_rank: rank }) } },
        conditions: in_deployment ? [] : [{ field: 'last_rank', is: 'equals', value: ceiling.last_rank }],
      },
      ...(in_deployment ? [shareWrite(instance, gate, rank, now_ms)] : []),
      ...(left === undefined ? [] : leaveLine(left, now_ms)),
    ],
    left === undefined ? [] : [ceilingSignal(left.owner)],
    undefined,
  )
}

/** The class gives its turn up: it has nothing to start, or has to wait elsewhere. Whoever stands behind may pass now. */
export const decideLeaveLine = (instance: Instance, now_ms: number): Decision => {
  const turn = turnOf(instance)
  if (turn === undefined) return decided([], [], undefined)
  return decided(
    [
      ...leaveLine(turn, now_ms),
      {
        op: 'add_within_limit',
        ref: refs.instance(instance.workspace_id, instance.class_key),
        change: { add: {}, set: { due_at: freedDue(now_ms) }, remove: ['turn_owner', 'turn_rank'] },
        conditions: [{ field: 'turn_rank', is: 'equals', value: turn.rank }],
      },
    ],
    [ceilingSignal(turn.owner)],
    undefined,
  )
}

/** Counts an attempt that was admitted before the ceiling was set. Once: the run says that it is counted. */
export const decideCountLive = (run: Run, scope: CeilingScope): Decision<boolean> => {
  const { attempt } = run
  if (!isLive(attempt) || attempt.counted?.includes(scope) === true) return decided([], [], false)
  const counted: Run = { ...run, attempt: { ...attempt, counted: [...(attempt.counted ?? []), scope] } }
  const ref = refs.ceiling(ownerOf(scope, run.workspace_id))
  return decided(
    [
      { op: 'replace_if_version', record: counted },
      { op: 'add_within_limit', ref, change: { add: { live: 1 } }, conditions: [] },
    ],
    [],
    true,
  )
}

/** What a look at all live attempts found that was not counted: `more` where it stopped before the end. */
export type Counted = 'none' | 'some' | 'more'

/**
 * After a look at all live attempts. They are all counted once a look that began a minute after the ceiling was set has found no other:
 * whoever admitted without counting has committed by then.
 */
export const decideCounted = (ceiling: Ceiling, began_ms: number, found: Counted, now_ms: number): Decision => {
  if (ceiling.counting_since === undefined) return decided([], [], undefined)
  const counted_from_ms = millis(ceiling.counting_since) + gate_shut_after_ms
  const ref = refs.ceiling(ceiling.owner)
  const conditions = [{ field: 'counting_since', is: 'equals', value: ceiling.counting_since }] as const
  if (found === 'none' && began_ms >= counted_from_ms) {
    const change = { add: {}, set: { due_at: freedDue(now_ms) }, remove: ['counting_since'] } as const
    return decided([{ op: 'add_within_limit', ref, change, conditions }], [ceilingSignal(ceiling.owner)], undefined)
  }
  const due_at = timestamp(found === 'more' ? now_ms : Math.max(now_ms, counted_from_ms))
  return decided([{ op: 'add_within_limit', ref, change: { add: {}, set: { due_at } }, conditions }], [], undefined)
}

/**
 * After the first of the line were woken. As long as they may pass, the ceiling stays due, should they not have heard; a full one rests
 * until somebody frees a place, who makes it due again.
 */
export const decideServed = (ceiling: Ceiling, waiting: boolean, now_ms: number): Decision => {
  if (ceiling.due_at === undefined) return decided([], [], undefined)
  const stays = waiting && freePlaces(ceiling) > 0
  if (stays && millis(ceiling.due_at) > now_ms) return decided([], [], undefined)
  return decided(
    [
      {
        op: 'add_within_limit',
        ref: refs.ceiling(ceiling.owner),
        change: stays ? { add: {}, set: { due_at: freedDue(now_ms) } } : { add: {}, remove: ['due_at'] },
        conditions: [{ field: 'version', is: 'equals', value: ceiling.version }],
      },
    ],
    [],
    undefined,
  )
}

/** A ceiling that was not held to begins by counting what was admitted meanwhile. */
const setAnew = (ceiling: Ceiling, limit: number, now: Timestamp): CeilingChange => ({
  add: {},
  set: { limit, due_at: now, counting_since: now, set_no: (ceiling.set_no ?? 0) + 1 },
  remove: ['lifted'],
})

/** The deployment's ceiling follows its settings. */
export const decideFollowSettings = (ceiling: Ceiling, limit: number, now_ms: number): Decision => {
  const now = timestamp(now_ms)
  if (ceiling.limit === limit && ceiling.lifted !== true) return decided([], [], undefined)
  const change = ceiling.lifted === true ? setAnew(ceiling, limit, now) : { add: {}, set: { limit, due_at: now } }
  const conditions = [{ field: 'version', is: 'equals', value: ceiling.version }] as const
  return decided([{ op: 'add_within_limit', ref: refs.ceiling(ceiling.owner), change, conditions }], [ceilingSignal(ceiling.owner)], undefined)
}

/**
 * The settings have no ceiling of the deployment any more. It stays, because live attempts are counted by it, and says that others are not. As long as
 * classes stand in its line it is due.
 */
export const decideLifted = (ceiling: Ceiling, waiting: boolean, now_ms: number): Decision => {
  const is_due = ceiling.due_at !== undefined && millis(ceiling.due_at) > now_ms
  if (ceiling.lifted === true && (waiting ? is_due : ceiling.due_at === undefined)) return decided([], [], undefined)
  const change: CeilingChange = waiting
    ? { add: {}, set: { lifted: true, due_at: freedDue(now_ms) }, remove: ['counting_since'] }
    : { add: {}, set: { lifted: true }, remove: ['counting_since', 'due_at'] }
  const conditions = [{ field: 'version', is: 'equals', value: ceiling.version }] as const
  return decided([{ op: 'add_within_limit', ref: refs.ceiling(ceiling.owner), change, conditions }], [], undefined)
}

/** Sets, changes or takes back the ceiling of a workspace. Set anew, it begins by counting what is live. */
export const decideSetCeiling = (
  gate: Gate | undefined,
  ceiling: Ceiling | undefined,
  wanted: { readonly workspace_id: Gate['workspace_id']; readonly max_live_attempts: number | null },
  now_ms: number,
): Decision => {
  const { workspace_id, max_live_attempts: limit } = wanted
  const now = timestamp(now_ms)
  const base: Gate = gate ?? { kind: 'gate', workspace_id, waking: false, created_at: now, updated_at: now, version: 1 }
  const store = (record: Gate): Write => (gate === undefined ? { op: 'put_if_absent', record } : { op: 'replace_if_version', record })
  if (limit === null) {
    if (gate?.max_live_attempts === undefined) return decided([], [], undefined)
    const { max_live_attempts: _, ...open } = base
    return decided([store({ ...open, waking: true, due_at: now, updated_at: now })], [], undefined)
  }
  const gate_write = store({ ...base, max_live_attempts: limit, updated_at: now })
  if (ceiling === undefined)
    return decided([gate_write, { op: 'put_if_absent', record: newCeiling(workspace_id, limit, now_ms) }], [ceilingSignal(workspace_id)], undefined)
  const change = gate?.max_live_attempts === undefined ? setAnew(ceiling, limit, now) : { add: {}, set: { limit, due_at: now } }
  const ref = refs.ceiling(workspace_id)
  return decided([gate_write, { op: 'add_within_limit', ref, change, conditions: [] }], [ceilingSignal(workspace_id)], undefined)
}

export const scopesOf = (passage: Passage): readonly CeilingScope[] => passage.ceilings.map(({ owner }) => scopeOf(owner))
