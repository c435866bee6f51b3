/**
 * The sweep: looks at whatever is due. It decides nothing itself; it is why a lost message costs time and no work. Its
 * own work is bounded, and shards are visited in a changing order, so that one crowded shard starves no other.
 */
import { due_shards } from '../store/keys.ts'
import { timestamp } from '../domain/time.ts'
import { lookAtCeiling, lookAtDeploymentCeiling } from './ceilings.ts'
import { sendSignals, type LookDeps } from './flow.ts'
import { lookAtGate } from './kill.ts'
import { lookAtSession } from './session.ts'
import { lookAtSharedFile } from './saved-files.ts'
import { lookAtSchedule } from './schedule-look.ts'
import { lookAtTask } from './look.ts'
import type { StoredRecord } from '../store/records.ts'

export interface SweepBounds {
  /** Looks of one sweep. */
  readonly looks_max: number
  readonly at_once: number
  /** After so long it begins no more. */
  readonly begins_max_ms: number
}
/** The function that it runs in has 55 s. */
export const sweep_bounds: SweepBounds = { looks_max: 10_000, at_once: 24, begins_max_ms: 45_000 }
const page_size = 100

export interface SweepReport {
  readonly looked: number
  readonly failed: number
}

const lookAt = async (deps: LookDeps, record: StoredRecord): Promise<void> => {
  switch (record.kind) {
    case 'task':
      return lookAtTask(deps, { workspace_id: record.workspace_id, task_id: record.id })
    case 'instance':
      return sendSignals(deps, [{ kind: 'class', workspace_id: record.workspace_id, class_key: record.class_key }])
    case 'session':
      return lookAtSession(deps, { workspace_id: record.workspace_id, session_id: record.id })
    case 'shared_file':
      return lookAtSharedFile(deps, record)
    case 'schedule':
      return lookAtSchedule(deps, { workspace_id: record.workspace_id, schedule_id: record.id })
    case 'ceiling':
      return lookAtCeiling(deps, record.owner)
    case 'gate':
      return lookAtGate(deps, record.workspace_id)
    default:
      throw new Error(`a ${record.kind} is never due`)
  }
}

/** Due records of all shards, page by page. */
async function* dueRecords(deps: LookDeps): AsyncGenerator<StoredRecord> {
  const first = Math.floor(deps.clock.now() / 60_000) % due_shards
  for (let step = 0; step < due_shards; step += 1) {
    const pk = `due#${(first + step) % due_shards}`
    const to = timestamp(deps.clock.now())
    let after: string | undefined
    do {
      const page = await deps.store.range({ index: 'due', pk, to, limit: page_size, ...(after === undefined ? {} : { after }) })
      yield* page.records
      after = page.after
    } while (after !== undefined)
  }
}

/** Looks at all that is due, within bounds. One failed look does not stop the others; it is due again at the next sweep. */
export const sweep = async (deps: LookDeps, onFailure: (record: StoredRecord, cause: unknown) => void, bounds = sweep_bounds): Promise<SweepReport> => {
  const until_ms = deps.clock.now() + bounds.begins_max_ms
  const due = dueRecords(deps)
  let looked = 0
  let failed = 0
  const worker = async (): Promise<void> => {
    while (looked < bounds.looks_max && deps.clock.now() <= until_ms) {
      looked += 1
      const next = await due.next()
      if (next.done === true) {
        looked -= 1
        return
      }
      try {
        await lookAt(deps, next.value)
      } catch (cause) {
        failed += 1
        onFailure(next.value, cause)
      }
    }
  }
  const ends = await Promise.allSettled(Array.from({ length: bounds.at_once }, worker))
  const broken = ends.find((end) => end.status === 'rejected')
  if (broken !== undefined) throw broken.reason
  await lookAtDeploymentCeiling(deps)
  return { looked, failed }
}
