/** Dispatch: what happens when a class is looked at. Work starts by priority, then acceptance, as far as there is room. */
import { decideAdmit, decideWait, type Candidate } from '../domain/decide/admit.ts'
import { open_passage } from '../domain/decide/ceiling.ts'
import { decideDrop } from '../domain/decide/cancel.ts'
import { decideHandOver, decideReconcile, isTaken } from '../domain/decide/session.ts'
import { isKilled } from '../domain/gate.ts'
import { healthOf, limitOf, newInstance, roomOf } from '../domain/instances.ts'
import { AttemptId, RunId } from '../domain/ids.ts'
import { standsBefore } from '../domain/lines.ts'
import { millis, minute_ms, timestamp, type Timestamp } from '../domain/time.ts'
import { classPartition, refOf, refs, sessionPartition } from '../store/keys.ts'
import { leaveCeilingLine, passCeilings } from './ceilings.ts'
import { decisions_max, sendSignals, type ComputeDeps, type FlowDeps } from './flow.ts'
import { launchAll } from './launch.ts'
import { fitTogether, loadAttached, loadTargetRun, loadWorks } from './load.ts'
import type { Agent } from '../domain/agent.ts'
import type { Instance, Place } from '../domain/instance.ts'
import type { Session } from '../domain/session.ts'
import type { Task, TaskIn } from '../domain/task.ts'

/** Admissions in one commit: five writes each, and one for the class. */
const batch_max = 8
/** Rounds of one look; a class with more to do signals itself. */
const rounds_max = 40

export interface ClassName {
  readonly workspace_id: string
  readonly class_key: string
}

const headOfLine = async (deps: FlowDeps, name: ClassName, limit: number): Promise<readonly Place[]> => {
  const page = await deps.store.range({ index: 'table', pk: classPartition(name.workspace_id, name.class_key), from: 'LINE#', to: 'LINE#~', limit })
  return page.records.filter((record) => record.kind === 'place')
}

interface CurrentInstance {
  readonly instance: Instance
  readonly agent: Agent
}

/** The class, with the limit that its agent wants at this moment. @param stored as it was just read */
const currentInstance = async (deps: FlowDeps, name: ClassName, stored: Instance | undefined): Promise<CurrentInstance | undefined> => {
  const [first] = stored === undefined ? await headOfLine(deps, name, 1) : []
  const agent_id = stored?.agent_id ?? first?.agent_id
  if (agent_id === undefined) return undefined
  const agent = await deps.store.get(refs.agent(name.workspace_id, agent_id))
  if (agent === undefined) throw new Error(`${agent_id} of ${name.class_key} is missing`)
  if (stored === undefined) {
    if (first === undefined) return undefined
    await deps.store.commit([{ op: 'put_if_absent', record: newInstance(first, agent, deps.deployment.failed_attempt_threshold, deps.clock.now()) }])
    return readAgain(deps, name)
  }
  const limit = limitOf(agent, stored)
  if (limit === stored.limit) return { instance: stored, agent }
  await deps.store.commit([
    {
      op: 'add_within_limit',
      ref: refs.instance(name.workspace_id, name.class_key),
      change: { add: {}, set: { limit, limit_set_at: timestamp(deps.clock.now()) } },
      conditions: [{ field: 'limit', is: 'equals', value: stored.limit }],
    },
  ])
  return readAgain(deps, name)
}

const readAgain = async (deps: FlowDeps, name: ClassName): Promise<CurrentInstance | undefined> =>
  currentInstance(deps, name, await deps.store.get(refs.instance(name.workspace_id, name.class_key)))

/** The class and its workspace's gate, in one read. */
const loadClass = async (deps: FlowDeps, name: ClassName) => {
  const [stored, gate] = await deps.store.getMany<'instance' | 'gate'>([refs.instance(name.workspace_id, name.class_key), refs.gate(name.workspace_id)])
  const current = await currentInstance(deps, name, stored?.kind === 'instance' ? stored : undefined)
  return { current, gate: gate?.kind === 'gate' ? gate : undefined }
}

type Verdict = 'moved' | 'conflict' | 'admitted' | 'blocked'

/** A place whose task is gone or over is cleared away; one that may not run is dropped. */
const clearPlace = async (deps: FlowDeps, place: Place, task: Task | undefined, agent: Agent): Promise<boolean> => {
  if (task?.state !== 'queued') {
    await deps.store.commit([{ op: 'delete_if_version', ref: refOf(place), version: place.version }])
    return true
  }
  const late = task.queue_timeout_at !== undefined && millis(task.queue_timeout_at) <= deps.clock.now()
  if (!late && agent.deleted_at === undefined) return false
  const run = await loadTargetRun(deps, task)
  const attached = await loadAttached(deps, run)
  if (attached === undefined) return true
  const decision = decideDrop({ task, place, run, ...attached }, late ? 'queue_timeout' : 'agent_deleted', deps.clock.now())
  const committed = await deps.store.commit(decision.writes)
  if (committed.ok) await sendSignals(deps, decision.signals)
  return true
}

/** The session is held, or kept for a run with an open question: by what is gone (free it), or by what is there (wait in its line). */
const awaitSession = async (deps: FlowDeps, place: Place, session: Session): Promise<void> => {
  const holder = session.owner?.run_id ?? session.parked_run_id
  if (holder === undefined) return
  const reconcile = decideReconcile(session, await deps.store.get(refs.run(session.workspace_id, holder)), deps.clock.now())
  const decision = reconcile.writes.length > 0 ? reconcile : decideWait(place, session, deps.clock.now())
  const committed = await deps.store.commit(decision.writes)
  if (committed.ok) await sendSignals(deps, decision.signals)
}

/** So many of a session's waiting line are looked through for one that must go first. */
const overtaken_max = 10

/**
 * The session is free, but others have waited for it. One of this class that stands before this place comes back to the class's
 * line first, whichever doorbell is heard first: work of a class starts in order.
 */
const recallOvertaken = async (deps: FlowDeps, place: Place, session: Session): Promise<boolean> => {
  const query = { index: 'table', pk: sessionPartition(session.workspace_id, session.id), from: 'WAIT#', to: 'WAIT#~', limit: overtaken_max } as const
  const { records } = await deps.store.range(query)
  const overtaken = records.find((record): record is Place => record.kind === 'place' && record.class_key === place.class_key && standsBefore(record, place))
  if (overtaken === undefined) return false
  await deps.store.commit(decideHandOver(session, overtaken, deps.clock.now()).writes)
  return true
}

interface FreePlace {
  readonly place: Place
  readonly task: TaskIn<'queued'>
  readonly session: Session | undefined
}

/** All that is needed to start each task; undefined where another dispatcher has just started it. */
const candidates = async (deps: FlowDeps, free: readonly FreePlace[]): Promise<readonly (Candidate | undefined)[]> => {
  const works = await loadWorks(
    deps,
    free.map(({ task }) => task),
  )
  return works.map(({ command, run }, position) => {
    const one = free[position]
    const fresh = { run_id: RunId.parse(deps.ids.mint('run')), attempt_id: AttemptId.parse(deps.ids.mint('attempt')), claim_token: deps.ids.secret() }
    return one !== undefined && fitTogether(one.task, run) ? { ...one, command, run, fresh } : undefined
  })
}

/** The tasks and the sessions of places, by their ids, in one read. */
const loadTasksAndSessions = async (deps: FlowDeps, places: readonly Place[]) => {
  const found = await deps.store.getMany<'task' | 'session'>(
    places.flatMap((place) => [refs.task(place.workspace_id, place.task_id), refs.session(place.workspace_id, place.session_id)]),
  )
  return {
    tasks: new Map<string, Task>(found.flatMap((record) => (record?.kind === 'task' ? [[record.id, record]] : []))),
    sessions: new Map<string, Session>(found.flatMap((record) => (record?.kind === 'session' ? [[record.id, record]] : []))),
  }
}

/** Sorts the head of the line: who may start now. Clears and parks the others on the way. */
const sift = async (deps: FlowDeps, places: readonly Place[], agent: Agent): Promise<{ ready: readonly Candidate[]; moved: boolean; torn: boolean }> => {
  const { tasks, sessions } = await loadTasksAndSessions(deps, places)
  const free: FreePlace[] = []
  const taken = new Set<string>()
  let moved = false
  for (const place of places) {
    const task = tasks.get(place.task_id)
    const session = sessions.get(place.session_id)
    if (await clearPlace(deps, place, task, agent)) moved = true
    else if (session !== undefined && isTaken(session, task?.target_run_id)) {
      await awaitSession(deps, place, session)
      moved = true
    } else if (task?.state === 'queued' && !taken.has(place.session_id)) {
      taken.add(place.session_id)
      if (session?.waiting === true && session.parked_run_id === undefined && (await recallOvertaken(deps, place, session))) moved = true
      else free.push({ place, task, session })
    }
  }
  const found = await candidates(deps, free)
  const ready = found.filter((one) => one !== undefined)
  return { ready, moved, torn: ready.length < free.length }
}

/** What no ceiling is asked about: nothing of a deleted agent starts, it is only cleared away. */
const all_pass = { kind: 'passes', count: batch_max, passage: open_passage } as const

const round = async (deps: ComputeDeps, name: ClassName, batch: number): Promise<Verdict> => {
  const { current, gate } = await loadClass(deps, name)
  if (current === undefined) return 'blocked'
  const { instance, agent } = current
  if (isKilled(gate)) {
    await clearDue(deps, instance, undefined)
    return 'blocked'
  }
  const room = agent.active || agent.deleted_at !== undefined ? roomOf(instance, deps.clock.now()) : 0
  const limit = agent.deleted_at === undefined ? Math.min(room, batch) : batch_max
  const places = limit === 0 ? [] : await headOfLine(deps, name, limit)
  if (places.length === 0) {
    await leaveCeilingLine(deps, instance)
    await clearDue(deps, instance, limit === 0 ? await heldUntil(deps, instance, agent) : undefined)
    return 'blocked'
  }
  const pass = agent.deleted_at === undefined ? await passCeilings(deps, gate, instance, places.length) : all_pass
  if (pass.kind === 'waits') {
    await clearDue(deps, instance, undefined)
    return 'blocked'
  }
  if (pass.kind !== 'passes') return 'conflict'
  const { ready, moved, torn } = await sift(deps, places.slice(0, pass.count), agent)
  if (ready.length === 0) return torn ? 'conflict' : 'moved'
  const decision = decideAdmit(instance, ready, deps.clock.now(), pass.passage)
  const committed = await deps.store.commit(decision.writes)
  if (!committed.ok) return 'conflict'
  await Promise.all([launchAll(deps, decision.value), sendSignals(deps, decision.signals)])
  const line_is_served = !moved && !torn && places.length < limit && pass.count >= places.length
  return line_is_served || ready.length >= room ? 'blocked' : 'admitted'
}

/** A class whose agent is inactive rests; should nobody ring when the agent is activated, it is looked at after this long. */
const inactive_again_ms = 15 * minute_ms

/** When a class that may start nothing is looked at again, though nobody frees anything: once it has cooled down, or its agent may be active. */
const heldUntil = async (deps: FlowDeps, instance: Instance, agent: Agent): Promise<Timestamp | undefined> => {
  const now_ms = deps.clock.now()
  if (!agent.active) return (await headOfLine(deps, instance, 1)).length === 0 ? undefined : timestamp(now_ms + inactive_again_ms)
  const { cooldown_until } = instance
  return healthOf(instance) === 'degraded' && cooldown_until !== undefined && millis(cooldown_until) > now_ms ? cooldown_until : undefined
}

/** The class has been looked at: its due time has done its work. @param next_at when nevertheless to look again */
const clearDue = async (deps: FlowDeps, instance: Instance, next_at: Timestamp | undefined): Promise<void> => {
  if (instance.due_at === undefined || millis(instance.due_at) > deps.clock.now()) return
  await deps.store.commit([
    {
      op: 'add_within_limit',
      ref: refs.instance(instance.workspace_id, instance.class_key),
      change: next_at === undefined ? { add: {}, remove: ['due_at'] } : { add: {}, set: { due_at: next_at } },
      conditions: [{ field: 'due_at', is: 'equals', value: instance.due_at }],
    },
  ])
}

/**
 * Looks at a class until nothing more can start. After a conflict, one at a time, so that one lost race does not hold up others.
 * Throws where every try meets a conflict: the doorbell is heard again later, and what cannot be right is seen by an operator.
 */
export const lookAtClass = async (deps: ComputeDeps, name: ClassName): Promise<void> => {
  let batch = batch_max
  let conflicts = 0
  for (let rounds = 0; rounds < rounds_max; rounds += 1) {
    const verdict = await round(deps, name, batch)
    if (verdict === 'blocked') return
    conflicts = verdict === 'conflict' ? conflicts + 1 : 0
    if (conflicts > decisions_max) throw new Error(`${name.class_key} changed, or did not fit together, at each of ${conflicts} tries`)
    batch = verdict === 'admitted' ? batch_max : 1
  }
  await sendSignals(deps, [{ kind: 'class', workspace_id: name.workspace_id, class_key: name.class_key }])
}
