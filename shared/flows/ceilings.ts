/** Ceilings of workspaces and of the deployment: passing them, waiting for a turn, waking whoever may pass, counting what is live. */
import { deployment_owner, scopeOf, woken_max, type Ceiling, type CeilingOwner, type Turn } from '../domain/ceiling.ts'
import {
  ceilingSignal,
  decideCountLive,
  decideCounted,
  decideFollowSettings,
  decideLeaveLine,
  decideLifted,
  decideServed,
  decideSetCeiling,
  decideTakeTurn,
  freePlaces,
  newCeiling,
  open_passage,
  passable,
  turnOf,
  type Counted,
  type Passage,
} from '../domain/decide/ceiling.ts'
import { decided } from '../domain/decision.ts'
import { millis } from '../domain/time.ts'
import { ceilingPartition, listPartitions, refOf, refs, workspaces_partition } from '../store/keys.ts'
import { sendSignals, settle, settled, type FlowDeps } from './flow.ts'
import { lookAtGate } from './kill.ts'
import { pagesOf } from './pages.ts'
import type { Gate } from '../domain/gate.ts'
import type { Result } from '../domain/result.ts'
import type { WorkspaceId } from '../domain/ids.ts'
import type { Instance } from '../domain/instance.ts'

const headsOf = async (deps: FlowDeps, owner: CeilingOwner, limit: number): Promise<readonly Turn[]> => {
  const page = await deps.store.range({ index: 'table', pk: ceilingPartition(owner), from: 'TURN#', to: 'TURN#~', limit })
  return page.records.filter((record) => record.kind === 'turn')
}

/** The limits that are set, by the workspace's gate and the deployment's settings. */
const limitsOf = (deps: FlowDeps, gate: Gate | undefined, workspace_id: WorkspaceId): readonly { readonly owner: CeilingOwner; readonly limit: number }[] => [
  ...(gate?.max_live_attempts === undefined ? [] : [{ owner: workspace_id, limit: gate.max_live_attempts }]),
  ...(deps.deployment.max_live_attempts === 0 ? [] : [{ owner: deployment_owner, limit: deps.deployment.max_live_attempts } as const]),
]

/** The ceiling as it is stored. That of the deployment is made, and follows its settings, when it is first met. */
const currentCeiling = async (deps: FlowDeps, owner: CeilingOwner, limit: number): Promise<Ceiling | undefined> => {
  const stored = await deps.store.get(refs.ceiling(owner))
  if (stored === undefined) {
    await deps.store.commit([{ op: 'put_if_absent', record: newCeiling(owner, limit, deps.clock.now()) }])
    await sendSignals(deps, [ceilingSignal(owner)])
    return undefined
  }
  if (owner !== deployment_owner) return stored
  const decision = decideFollowSettings(stored, limit, deps.clock.now())
  if (decision.writes.length === 0) return stored
  if ((await deps.store.commit(decision.writes)).ok) await sendSignals(deps, decision.signals)
  return deps.store.get(refs.ceiling(owner))
}

/** Gives up the class's turn, if it has one. */
export const leaveCeilingLine = async (deps: FlowDeps, instance: Instance): Promise<void> => {
  if (turnOf(instance) === undefined) return
  await settled(deps, async () => {
    const current = await deps.store.get(refs.instance(instance.workspace_id, instance.class_key))
    return current === undefined || current.turn_rank !== instance.turn_rank ? decided([], [], undefined) : decideLeaveLine(current, deps.clock.now())
  })
}

/** `passes`: how many may be admitted, and how. `waits`: the class has a turn and is woken. `again`: it was moved; look again. */
export type Verdict = { readonly kind: 'passes'; readonly count: number; readonly passage: Passage } | { readonly kind: 'waits' } | { readonly kind: 'again' }

/** Whether a class that has room and work may start some of it now. Where it may not, it takes a turn in the line of the ceiling that is in its way. */
export const passCeilings = async (deps: FlowDeps, gate: Gate | undefined, instance: Instance, wanted: number): Promise<Verdict> => {
  const limits = limitsOf(deps, gate, instance.workspace_id)
  const turn = turnOf(instance)
  if (turn !== undefined && !limits.some(({ owner }) => owner === turn.owner)) {
    await leaveCeilingLine(deps, instance)
    return { kind: 'again' }
  }
  let count = wanted
  const ceilings: Ceiling[] = []
  for (const { owner, limit } of limits) {
    const ceiling = await currentCeiling(deps, owner, limit)
    if (ceiling === undefined) return { kind: 'again' }
    const look = Math.max(1, Math.min(freePlaces(ceiling), wanted + woken_max))
    const may = passable(ceiling, await headsOf(deps, owner, look), turn)
    if (may === 0) return waitAt(deps, instance, ceiling, gate, turn)
    count = Math.min(count, may)
    ceilings.push(ceiling)
  }
  return { kind: 'passes', count, passage: ceilings.length === 0 ? open_passage : { ceilings, turn } }
}

/** Waits at a ceiling. A class that has just taken its turn looks once more: a place may have been freed meanwhile. */
const waitAt = async (deps: FlowDeps, instance: Instance, ceiling: Ceiling, gate: Gate | undefined, turn: Turn | undefined): Promise<Verdict> => {
  if (turn?.owner === ceiling.owner) return { kind: 'waits' }
  const decision = decideTakeTurn(instance, ceiling, gate, deps.clock.now())
  if ((await deps.store.commit(decision.writes)).ok) await sendSignals(deps, decision.signals)
  return { kind: 'again' }
}

/** So many live attempts are looked at in one step of counting. */
const counted_max = 400

const ownersOf = async function* (deps: FlowDeps, owner: CeilingOwner): AsyncGenerator<WorkspaceId> {
  if (owner !== deployment_owner) {
    yield owner
    return
  }
  for await (const page of pagesOf(deps, 'table', workspaces_partition)) for (const record of page) if (record.kind === 'workspace') yield record.id
}

/** Counts live attempts that are not counted yet. @returns what it found: none, some, or so many that there may be more */
const countLive = async (deps: FlowDeps, owner: CeilingOwner): Promise<Counted> => {
  const scope = scopeOf(owner)
  let counted = 0
  for await (const workspace_id of ownersOf(deps, owner)) {
    for await (const page of pagesOf(deps, 'by_state', listPartitions.runsByStatus(workspace_id, 'live'))) {
      for (const record of page) {
        if (record.kind !== 'run') continue
        const is_new = await settled(deps, async () => {
          const run = await deps.store.get(refs.run(record.workspace_id, record.id))
          return run === undefined ? decided([], [], false) : decideCountLive(run, scope)
        })
        if (is_new) counted += 1
        if (counted >= counted_max) return 'more'
      }
    }
  }
  return counted === 0 ? 'none' : 'some'
}

/** Wakes the classes whose turns these are, and clears away turns that are nobody's. */
const wake = async (deps: FlowDeps, heads: readonly Turn[]): Promise<void> => {
  const instances = await deps.store.getMany(heads.map((turn) => refs.instance(turn.workspace_id, turn.class_key)))
  const stale = heads.filter((turn, index) => instances[index]?.turn_rank !== turn.rank || instances[index]?.turn_owner !== turn.owner)
  for (const turn of stale) await deps.store.commit([{ op: 'delete_if_version', ref: refOf(turn), version: turn.version }])
  const woken = heads.filter((turn) => !stale.includes(turn))
  await sendSignals(
    deps,
    woken.map(({ workspace_id, class_key }) => ({ kind: 'class', workspace_id, class_key })),
  )
}

/** Wakes the first of the line, as many as may pass. @returns whether the line goes on */
const wakeHeads = async (deps: FlowDeps, ceiling: Ceiling): Promise<boolean> => {
  const heads = await headsOf(deps, ceiling.owner, Math.max(1, Math.min(freePlaces(ceiling), woken_max)))
  if (freePlaces(ceiling) > 0) await wake(deps, heads)
  return heads.length > 0
}

/** The deployment's ceiling while its settings have none: whoever stands in its line is woken, some at a time, and leaves it. */
const lift = async (deps: FlowDeps, ceiling: Ceiling): Promise<void> => {
  const heads = await headsOf(deps, ceiling.owner, woken_max)
  await wake(deps, heads)
  await deps.store.commit(decideLifted(ceiling, heads.length > 0, deps.clock.now()).writes)
}

/** Sees to it that the deployment's ceiling says so while it is not held to, in case it is again. */
export const lookAtDeploymentCeiling = async (deps: FlowDeps): Promise<void> => {
  if (deps.deployment.max_live_attempts === 0) await lookAtCeiling(deps, deployment_owner)
}

/** Looks at a ceiling: counts what is to be counted, wakes whoever may pass. A bounded number of classes at once, and nobody while it is full. */
export const lookAtCeiling = async (deps: FlowDeps, owner: CeilingOwner): Promise<void> => {
  const began_ms = deps.clock.now()
  const ceiling = await deps.store.get(refs.ceiling(owner))
  if (ceiling === undefined) return
  if (owner === deployment_owner && deps.deployment.max_live_attempts === 0) return lift(deps, ceiling)
  if (ceiling.counting_since !== undefined) {
    const due_ms = ceiling.due_at === undefined ? 0 : millis(ceiling.due_at)
    if (due_ms > began_ms) return
    const decision = decideCounted(ceiling, began_ms, await countLive(deps, owner), deps.clock.now())
    if ((await deps.store.commit(decision.writes)).ok) await sendSignals(deps, decision.signals)
    return
  }
  const waiting = await wakeHeads(deps, ceiling)
  await deps.store.commit(decideServed(ceiling, waiting, deps.clock.now()).writes)
}

/** Sets, changes or takes back (null) the ceiling of a workspace. */
export const setCeiling = async (
  deps: FlowDeps,
  wanted: { readonly workspace_id: WorkspaceId; readonly max_live_attempts: number | null },
): Promise<Result<undefined>> => {
  const { workspace_id } = wanted
  const set = await settle(deps, async () => {
    const [gate, ceiling] = await Promise.all([deps.store.get(refs.gate(workspace_id)), deps.store.get(refs.ceiling(workspace_id))])
    return decideSetCeiling(gate, ceiling, wanted, deps.clock.now())
  })
  if (set.ok) await lookAtGate(deps, workspace_id)
  return set
}
