/** What was committed of ticks and their tasks, in little room: the table itself forgets tasks that are long over. */
import { tickOf } from '../../../shared/audit/schedules.ts'
import { millis } from '../../../shared/domain/time.ts'
import type { Schedule } from '../../../shared/domain/schedule.ts'
import type { StoredRecord } from '../../../shared/store/records.ts'
import type { Store, Write } from '../../../shared/store/store.ts'
import { refOf, type Ref } from '../../../shared/store/keys.ts'
import type { LeanStore } from './lean-store.ts'
import type { Seeded } from '../../support/seeded.ts'

/** Its ticks are those after `from_ms`, up to `to_ms`. */
export interface Life {
  readonly cron_expr: string
  readonly timezone: string
  readonly from_ms: number
  to_ms: number
}

export interface Ledger {
  readonly store: Store
  /** How each tick ended, by schedule and time: the task where it was fired. */
  readonly rows: ReadonlyMap<string, ReadonlyMap<number, string>>
  /** The tick that each task was made by. */
  readonly made: ReadonlyMap<string, { readonly schedule_id: string; readonly tick_ms: number }>
  /** When each schedule is due. */
  readonly due: ReadonlyMap<string, number>
  /** The times in which each schedule was active, under one cron and zone each. */
  readonly lives: ReadonlyMap<string, readonly Life[]>
  readonly wrongs: readonly string[]
}

/** Of so many of its newest tasks the table keeps what belongs to them. */
const tasks_kept = 8

/** @param inner the store @param random how long calls take, so that flows that run at once meet in many ways */
export const ledgerOver = (inner: LeanStore, random: Seeded): Ledger => {
  const rows = new Map<string, Map<number, string>>()
  const made = new Map<string, { schedule_id: string; tick_ms: number }>()
  const due = new Map<string, number>()
  const newest = new Map<string, number>()
  const lives = new Map<string, Life[]>()
  const wrongs: string[] = []
  const kept = new Map<string, Ref[][]>()

  /** A schedule was made, changed, paused, resumed or deleted: its newest row belongs to what it was. */
  const live = (schedule: Schedule): void => {
    const own = lives.get(schedule.id) ?? []
    lives.set(schedule.id, own)
    const last = own.at(-1)
    const open = last?.to_ms === Infinity ? last : undefined
    const { cron_expr, timezone, status } = schedule
    if (status === 'active' && open?.cron_expr === cron_expr && open.timezone === timezone) return
    const at_ms = Math.max(millis(schedule.updated_at), newest.get(schedule.id) ?? 0)
    if (open !== undefined) open.to_ms = at_ms
    if (status === 'active') own.push({ cron_expr, timezone, from_ms: at_ms, to_ms: Infinity })
  }

  const note = (record: StoredRecord): void => {
    if (record.kind === 'schedule') {
      live(record)
      if (record.due_at === undefined) due.delete(record.id)
      else due.set(record.id, millis(record.due_at))
    }
    if (record.kind === 'tick') {
      const own = rows.get(record.schedule_id) ?? new Map<number, string>()
      rows.set(record.schedule_id, own)
      const tick_ms = millis(record.tick_at)
      if (own.has(tick_ms)) wrongs.push(`${record.schedule_id} has two rows for ${record.tick_at}`)
      own.set(tick_ms, record.end.outcome === 'fired' ? record.end.task_id : record.end.outcome)
      newest.set(record.schedule_id, Math.max(tick_ms, newest.get(record.schedule_id) ?? 0))
    }
    const tick = record.kind === 'command' ? tickOf(record) : undefined
    if (record.kind !== 'command' || tick === undefined) return
    const tick_ms = millis(tick.tick_at)
    const twice = [...(made.get(record.task_id) === undefined ? [] : ['task']), ...(rows.get(tick.schedule_id)?.has(tick_ms) === true ? ['tick'] : [])]
    if (twice.length > 0) wrongs.push(`the ${twice.join()} ${tick.tick_at} of ${tick.schedule_id} was fired twice`)
    made.set(record.task_id, { schedule_id: tick.schedule_id, tick_ms })
  }

  /** Takes out what belongs to tasks that are long over. */
  const forget = (writes: readonly Write[]): void => {
    const put = writes.flatMap((write) => (write.op === 'put_if_absent' ? [write.record] : []))
    const row = put.find((record) => record.kind === 'tick')
    const own = put.filter(({ kind }) => kind !== 'schedule').map(refOf)
    if (row?.kind !== 'tick') return
    const groups = kept.get(row.schedule_id) ?? []
    kept.set(row.schedule_id, groups)
    groups.push(own)
    if (groups.length <= tasks_kept) return
    for (const ref of groups.shift() ?? []) inner.forget(ref)
  }

  const slowly = async <T>(call: () => Promise<T>): Promise<T> => {
    for (let turns = random.int(4); turns > 0; turns -= 1) await Promise.resolve()
    return call()
  }
  const store: Store = {
    get: async (ref, options) => slowly(async () => inner.get(ref, options)),
    getMany: async (refs) => slowly(async () => inner.getMany(refs)),
    range: async (query) => slowly(async () => inner.range(query)),
    commit: async (writes) => {
      const committed = await slowly(async () => inner.commit(writes))
      if (!committed.ok) return committed
      const records = writes.flatMap((write) => ('record' in write ? [write.record] : []))
      // A command before the row of its tick, which it would find otherwise.
      for (const kind of ['command', 'tick', 'schedule'] as const) for (const record of records) if (record.kind === kind) note(record)
      forget(writes)
      return committed
    },
  }
  return { store, rows, made, due, lives, wrongs }
}
