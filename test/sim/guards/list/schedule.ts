/** Guards of schedules, their ledgers and their alarms. */
import { guardsIn, type Guard } from '../guard.ts'

const ticks = guardsIn('shared/domain/decide/schedule-ticks.ts', [
  {
    name: 'tick.row',
    find: '      ...rows.map(({ tick_ms, end }) => tickRow(schedule, tick_ms, end, now_ms)),\n',
    replace: '',
    invariant: 9,
    protects: 'a schedule moves on with the rows of the ticks that it passes',
  },
  {
    name: 'tick.swap',
    find: "{ op: 'replace_if_version', record: { ...moved, ...run, ...tickedBy(step) } },",
    replace: '',
    invariant: 9,
    protects: 'who fires a tick moves the schedule on, so that nobody else does',
  },
  {
    name: 'tick.newest',
    find: 'return newest_ms === undefined ? {} : { ticked_at: timestamp(newest_ms) }',
    replace: 'return {}',
    invariant: 9,
    protects: 'a schedule knows its newest row when its times are set anew',
  },
  {
    name: 'tick.passed-on',
    find: 'next_ms: newer_ms ?? ticks.after(tick_ms) }',
    replace: 'next_ms: ticks.after(now_ms) }',
    invariant: 9,
    protects: 'the ticks behind one that fires are not passed over',
  },
  {
    name: 'tick.bounded',
    find: 'if (position === tick_rows_max) return { ended, next_ms: tick_ms }',
    replace: 'if (position === tick_rows_max) return { ended, next_ms: ticks.after(now_ms) }',
    invariant: 9,
    protects: 'what does not fit into one commit comes into the next',
  },
])

const changes = guardsIn('shared/domain/decide/schedule.ts', [
  {
    name: 'times.since',
    find: 'Math.max(now_ms, ...[ticked_at, last_run_at].map((at) => (at === undefined ? 0 : millis(at))))',
    replace: 'now_ms',
    invariant: 9,
    protects: 'a tick that an alarm rang early is not waited for again when times are set anew',
  },
  {
    name: 'pause.rows',
    find: "return decided([...rows, { op: 'replace_if_version', record: stopped }]",
    replace: "return decided([{ op: 'replace_if_version', record: stopped }]",
    invariant: 9,
    protects: 'what is due when a schedule stops has its row',
  },
  {
    name: 'pause.bounded',
    find: "if (schedule.status === 'active' && step?.next_ms !== undefined && step.next_ms <= now_ms) {",
    replace: "if (false && schedule.status === 'active' && step?.next_ms !== undefined) {",
    invariant: 9,
    protects: 'a schedule does not stop before all that is due has its row',
  },
  {
    name: 'pause.due',
    find: 'alarm: changedAlarm(halted.alarm), due_at: timestamp(now_ms + alarm_repair_ms) }',
    replace: 'alarm: changedAlarm(halted.alarm), due_at: undefined }',
    invariant: 9,
    protects: 'the alarms of a deleted schedule are taken out, should the doorbell be lost',
  },
])

const alarms = guardsIn('shared/domain/decide/schedule-alarm.ts', [
  {
    name: 'alarm.grace',
    find: 'timestamp(Math.min(next_run_ms + alarm_grace_ms,',
    replace: 'timestamp(Math.min(next_run_ms + 3_600_000,',
    invariant: 9,
    protects: 'the sweep fires what the alarm clock did not',
  },
  {
    name: 'alarm.unset-due',
    find: 'alarmIsSet(alarm) ? Infinity : now_ms + alarm_repair_ms))',
    replace: 'Infinity))',
    invariant: 12,
    protects: 'alarms are set, should the doorbell be lost',
  },
  {
    name: 'alarm.changed-meanwhile',
    find: 'if (schedule.alarm.revision !== revision) {',
    replace: 'if (false) {',
    invariant: 9,
    protects: 'entries that were set while the schedule changed are set once more',
  },
  {
    name: 'alarm.stray-stopped',
    find: "if (is_tick || !alarmIsSet(schedule.alarm) || (schedule.status === 'active' && now_ms - set_ms < alarm_doubt_ms))",
    replace: "if (schedule.status !== 'active' || is_tick || !alarmIsSet(schedule.alarm) || now_ms - set_ms < alarm_doubt_ms)",
    invariant: 9,
    protects: 'an entry of a schedule that is stopped is taken out once it has rung',
  },
  {
    name: 'alarm.stray-due',
    find: 'alarm: changedAlarm(schedule.alarm), due_at: timestamp(now_ms) }',
    replace: 'alarm: changedAlarm(schedule.alarm) }',
    invariant: 9,
    protects: 'an entry that rang for nothing is taken out, should the doorbell be lost',
  },
])

const flows: readonly Guard[] = [
  ...guardsIn('shared/flows/schedule-fire.ts', [
    {
      name: 'fire.early',
      find: 'Math.max(now_ms, Math.min(reached_ms, now_ms + early_ms_max))',
      replace: 'Math.max(now_ms, reached_ms)',
      invariant: 9,
      protects: 'an alarm that rings long before its time fires nothing',
    },
    {
      name: 'fire.taken',
      find: 'tries === 1 ? undefined : loadTaken(',
      replace: 'true ? undefined : loadTaken(',
      invariant: 9,
      protects: 'a client that took the key of a tick does not hold the schedule up',
    },
    {
      name: 'fire.doubts',
      find: 'if (caught.ended === 0) await doubtAlarm(deps, name, scheduled_at_ms)\n',
      replace: '',
      invariant: 9,
      protects: 'an alarm that rings for nothing is looked into',
    },
  ]),
  ...guardsIn('shared/flows/schedules.ts', [
    {
      name: 'change.due-first',
      find: "return hasDueTicks(schedule, now_ms) ? decided([], [], 'ticks are due') : decideUpdateSchedule(",
      replace: 'return decideUpdateSchedule(',
      invariant: 9,
      protects: 'ticks that are due when a schedule is changed end as what it was',
    },
  ]),
  ...guardsIn('shared/flows/sweep.ts', [
    {
      name: 'sweep.schedules',
      find: 'return lookAtSchedule(deps, { workspace_id: record.workspace_id, schedule_id: record.id })',
      replace: 'return undefined',
      invariant: 9,
      protects: 'schedules whose time has come are looked at',
    },
  ]),
]

export const schedule_guards: readonly Guard[] = [...ticks, ...changes, ...alarms, ...flows]
