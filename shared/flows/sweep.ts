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
import { lookAtSchedule } from './schedule-look.ts'
import { lookAtTask } from './look.ts'
import type { StoredRecord } from '../store/records.ts'

/** Looks of one sweep, and how many at once. */
export const sweep_looks_max = 2_000
export const looks_at_once = 8
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

const duePage = async (deps: LookDeps, shard: number, after: string | undefined) =>
  deps.store.range({ index: 'due', pk: `due#${shard}`, to: timestamp(deps.clock.now()), limit: page_size, ...(after === undefined ? {} : { after }) })

/** Looks at all that is due, within bounds. One failed look does not stop the others; it is due again at the next sweep. */
export const sweep = async (deps: LookDeps, onFailure: (record: StoredRecord, cause: unknown) => void): Promise<SweepReport> => {
  let looked = 0
  let failed = 0
  const first = Math.floor(deps.clock.now() / 60_000) % due_shards
  for (let step = 0; step < due_shards; step += 1) {
    let after: string | undefined
    do {
      const page = await duePage(deps, (first + step) % due_shards, after)
      for (let start = 0; start < page.records.length; start += looks_at_once) {
        const group = page.records.slice(start, start + looks_at_once)
        const results = await Promise.allSettled(group.map(async (record) => lookAt(deps, record)))
        for (const [index, result] of results.entries()) {
          const record = group[index]
          if (result.status === 'fulfilled' || record === undefined) continue
          failed += 1
          onFailure(record, result.reason)
        }
        looked += group.length
      }
      after = page.after
    } while (after !== undefined && looked < sweep_looks_max)
    if (looked >= sweep_looks_max) break
  }
  await lookAtDeploymentCeiling(deps)
  return { looked, failed }
}
