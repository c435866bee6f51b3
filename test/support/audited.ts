/** A plane with honest work of every kind behind the API, and ways into its table behind its back. */
import { keyText } from '../../shared/audit/finding.ts'
import type { Run } from '../../shared/domain/run.ts'
import type { Task } from '../../shared/domain/task.ts'
import { timestamp } from '../../shared/domain/time.ts'
import { ApiKeyId } from '../../shared/domain/ids.ts'
import type { Schedule } from '../../shared/domain/schedule.ts'
import { cancelTask } from '../../shared/flows/cancel.ts'
import { fireSchedule } from '../../shared/flows/schedule-fire.ts'
import { createSchedule } from '../../shared/flows/schedules.ts'
import { refs, type Ref } from '../../shared/store/keys.ts'
import { memoryStore } from '../../shared/store/memory.ts'
import type { RecordKind, RecordOf, StoredRecord } from '../../shared/store/records.ts'
import type { Store, Write } from '../../shared/store/store.ts'
import { apiPlane, type ApiPlane } from './http.ts'
import { endOf, sendTo, take } from './inputs.ts'
import { at, boom } from './looks.ts'

/** What a test does to the table behind the plane's back, and what it makes of one answer of it. */
export interface Tricks {
  readonly store: Store
  /** Changes what is read of many records at once. */
  change: (record: StoredRecord | undefined, ref: Ref) => StoredRecord | undefined
  /** Happens before each read of many records. */
  before: () => Promise<void>
}
const trickyStore = (): Tricks => {
  const inner = memoryStore()
  const tricks: Tricks = {
    change: (record) => record,
    before: async () => undefined,
    store: {
      ...inner,
      getMany: async (wanted) => {
        await tricks.before()
        const records = await inner.getMany(wanted)
        return records.map((record, index) => {
          const ref = wanted[index]
          const changed = ref === undefined ? record : tricks.change(record, ref)
          return changed === record ? record : parsedAs(ref?.kind, changed)
        })
      },
    },
  }
  return tricks
}
const parsedAs = <K extends RecordKind>(kind: K | undefined, record: StoredRecord | undefined): RecordOf<K> | undefined =>
  isOf(kind, record) ? record : undefined
const isOf = <K extends RecordKind>(kind: K | undefined, record: StoredRecord | undefined): record is RecordOf<K> & StoredRecord => record?.kind === kind

type Work = Readonly<Record<'talked' | 'retried' | 'running' | 'waits' | 'lane' | 'queued' | 'cancelled' | 'sleeping', Task>>

let tricks: Tricks
let plane: ApiPlane
let work: Work
let schedule: Schedule

export const ws = () => plane.workspace_id
export const taskOf = async (name: keyof Work): Promise<Task> => plane.task(work[name].id)
export const runOf = async (name: keyof Work): Promise<Run> => plane.run((await taskOf(name)).target_run_id ?? '')

export const commit = async (...writes: readonly Write[]): Promise<void> => {
  if (!(await tricks.store.commit(writes)).ok) throw new Error('the table did not take what was planted')
}
export const put = async (record: StoredRecord) => commit({ op: 'put_if_absent', record })
export const replace = async (record: StoredRecord) => commit({ op: 'replace_if_version', record })
export const read = async <K extends RecordKind>(ref: Ref<K>): Promise<RecordOf<K>> => {
  const record = await tricks.store.get(ref)
  if (record === undefined) throw new Error(`nothing at ${keyText(ref)}`)
  return record
}
export const remove = async (ref: Ref) => commit({ op: 'delete_if_version', ref, version: (await read(ref)).version })

const minute_ms = 60_000

/** A schedule of every minute whose first two ticks have fired. */
const honestSchedule = async (agent_id: Task['agent_id']): Promise<Schedule> => {
  const made = await createSchedule(plane.deps, ws(), {
    agent_id,
    cron_expr: '* * * * *',
    timezone: 'UTC',
    prompt: 'Look',
    skill_paths: [],
    overlap: 'queue',
    catchup_window_ms: 600_000,
    active: true,
    created_by: ApiKeyId.parse(`key_${'0'.repeat(26)}`),
  })
  if (!made.ok) throw new Error(made.detail)
  await plane.deliver()
  for (let ticks = 0; ticks < 2; ticks += 1) {
    plane.advance(minute_ms)
    await fireSchedule(plane.deps, { workspace_id: ws(), schedule_id: made.value.id, scheduled_at_ms: plane.deps.clock.now() })
  }
  await plane.deliver()
  return made.value
}

/** Work of every kind: spoken to, retried, running, waiting for a session, in line, cancelled, asleep. */
const honestWork = async (): Promise<Work> => {
  const { id } = await plane.makeAgent({ concurrency: 5 })
  const accept = async (params: object): Promise<Task> => {
    const { task } = await plane.accept({ agent_id: id, ...params })
    await plane.deliver()
    return task
  }
  const retried = await accept({ session_id: 'retried', policy: { retry: { max_attempts: 2 } } })
  await plane.claim(at(plane.sandboxes, 0))
  await plane.finish(at(plane.sandboxes, 0), { outcome: 'error', error: boom })
  await plane.deliver()
  await plane.claim(at(plane.sandboxes, 1))
  await plane.finish(at(plane.sandboxes, 1))
  const cancelled = await accept({ session_id: 'cancelled' })
  await plane.claim(at(plane.sandboxes, 2))
  await cancelTask(plane.deps, { workspace_id: ws(), task_id: cancelled.id })
  await plane.finish(at(plane.sandboxes, 2))
  const running = await accept({ session_id: 'held' })
  await plane.claim(at(plane.sandboxes, 3))
  const waits = await accept({ session_id: 'held' })
  const lane = await accept({ lane: 'l' })
  const queued = await accept({ lane: 'l', queue_timeout_ms: 600_000 })
  const sleeping = await accept({ not_before: timestamp(plane.deps.clock.now() + 3_600_000) })
  const talked = await accept({ session_id: 'talked' })
  const sandbox = at(plane.sandboxes, plane.sandboxes.length - 1)
  await plane.claim(sandbox)
  for (const mode of ['steer', 'steer', 'followup'] as const) await sendTo(plane, sandbox.run_id, mode, mode)
  await take(plane, sandbox, 1, true)
  await endOf(plane, sandbox, 1)
  schedule = await honestSchedule(id)
  plane.advance(20_000)
  return { talked, retried, running, waits, lane, queued, cancelled, sleeping }
}

/** A fresh plane with fresh work; what is below is about it from now on. @returns the plane and the key of an admin */
export const freshWork = async (): Promise<{ readonly plane: ApiPlane; readonly key: string; readonly tricks: Tricks }> => {
  tricks = trickyStore()
  plane = apiPlane({ store: tricks.store })
  const key = await plane.makeKey(ws(), 'admin')
  work = await honestWork()
  return { plane, key, tricks }
}

export const scheduleRef = () => refs.schedule(ws(), schedule.id)
/** The row of one of the two ticks. */
export const tickRef = (minute: 1 | 2) => refs.tick(ws(), schedule.id, timestamp(Date.parse(schedule.created_at) + minute * minute_ms))
export const now = (after_ms = 0): string => timestamp(plane.deps.clock.now() + after_ms)
export const worked = (name: keyof Work): Task => work[name]

/** Another workspace's name stands on what is read of this task. */
export const misplace = (name: keyof Work, workspace_id: Task['workspace_id']): void => {
  tricks.change = (record) => (record?.kind === 'task' && record.id === work[name].id ? { ...record, workspace_id } : record)
}
