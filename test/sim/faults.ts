/** Everything that the simulator may do to the plane, by name, and how often it did. */
import type { Seeded } from '../support/seeded.ts'

export const fault_kinds = {
  call_throttled: 'a call through a port was refused for good, before its effect',
  call_failed: 'a call through a port failed before its effect',
  call_failed_after: 'a call through a port failed after its effect',
  call_delayed: 'a call through a port took long',
  commit_cancelled: 'a transaction was cancelled again and again, because it met others',
  handler_killed: 'a handler died before a call had its effect',
  handler_killed_after: 'a handler died right after a call had its effect',
  clock_skewed: 'the clock of a handler was off',
  index_stale: 'a read of an index did not know the newest writes',
  index_left_behind: 'a read of an index still held what had left it',
  lease_expired_visible: 'a lease that had run out was still in the table when somebody came by',
  old_beside_new: 'a handler of the next release wrote what the present one does not know, under other settings',
  message_doubled: 'a queue delivered a message twice',
  message_reordered: 'a queue delivered a later message first',
  group_overlapped: 'a FIFO queue gave out a group while a handler still had messages of it',
  message_delayed: 'a queue kept a message back',
  message_dropped: 'a message was lost',
  message_redriven: 'a message went to the dead-letter queue and was sent back from there',
  sweep_late: 'the scheduler was late by minutes',
  sweep_doubled: 'the scheduler fired twice',
  sweep_missed: 'the scheduler did not fire',
  alarm_dropped: 'an alarm did not ring',
  alarm_late: 'an alarm rang minutes late',
  alarm_doubled: 'an alarm rang twice',
  alarm_early: 'an alarm rang before its time',
  plane_down: 'nothing of the plane ran, for a minute or for days',
  launch_throttled: 'compute had no room for a launch',
  launch_refused: 'compute refused a launch',
  launch_late: 'a sandbox took long to start',
  launch_stillborn: 'a sandbox stopped before its runner had started',
  state_event_lost: 'compute did not tell that a sandbox has stopped',
  state_event_doubled: 'compute told twice that a sandbox has stopped',
  state_event_late: 'compute told late that a sandbox has stopped, after later ones',
  ring_lost: 'a doorbell of a runner did not ring',
  ring_late: 'a doorbell of a runner rang late',
  ring_doubled: 'a doorbell of a runner rang twice',
  sandbox_died: 'a sandbox died at once',
  stop_ignored: 'an agent ignored the order to stop until it was killed',
  agent_crashed: 'an agent failed',
  agent_hung: 'a runner was heard of no more, though its sandbox lived',
  agent_cut_off: 'a runner lived on although compute had lost it, and called late',
  callback_replayed: 'a call of a runner was sent again',
  callback_forged: 'somebody called with a token that was not his',
  finished_while_cancelled: 'a runner reported its end while it was being cancelled',
  client_retried: 'a client sent a request again, because it got no answer',
  client_hostile: 'a client asked for what belongs to another workspace',
} as const
export type FaultKind = keyof typeof fault_kinds
export const fault_names = Object.keys(fault_kinds).filter((name): name is FaultKind => name in fault_kinds)

export type FaultCounts = Readonly<Record<FaultKind, number>>

export interface Faults {
  /** While off, nothing is injected. */
  on: boolean
  /** Whether to inject it now: by chance, and only where it is not switched off. Counts it. */
  strikes(kind: FaultKind, probability: number): boolean
  /** It happened. */
  count(kind: FaultKind): void
  counts(): FaultCounts
}

const noCounts = (): Record<FaultKind, number> => ({
  call_throttled: 0,
  call_failed: 0,
  call_failed_after: 0,
  call_delayed: 0,
  commit_cancelled: 0,
  handler_killed: 0,
  handler_killed_after: 0,
  clock_skewed: 0,
  index_stale: 0,
  index_left_behind: 0,
  lease_expired_visible: 0,
  old_beside_new: 0,
  message_doubled: 0,
  message_reordered: 0,
  group_overlapped: 0,
  message_delayed: 0,
  message_dropped: 0,
  message_redriven: 0,
  sweep_late: 0,
  sweep_doubled: 0,
  sweep_missed: 0,
  alarm_dropped: 0,
  alarm_late: 0,
  alarm_doubled: 0,
  alarm_early: 0,
  plane_down: 0,
  launch_throttled: 0,
  launch_refused: 0,
  launch_late: 0,
  launch_stillborn: 0,
  state_event_lost: 0,
  state_event_doubled: 0,
  state_event_late: 0,
  ring_lost: 0,
  ring_late: 0,
  ring_doubled: 0,
  sandbox_died: 0,
  stop_ignored: 0,
  agent_crashed: 0,
  agent_hung: 0,
  agent_cut_off: 0,
  callback_replayed: 0,
  callback_forged: 0,
  finished_while_cancelled: 0,
  client_retried: 0,
  client_hostile: 0,
})

export const addCounts = (sum: FaultCounts, more: FaultCounts): FaultCounts => {
  const added = noCounts()
  for (const name of fault_names) added[name] = sum[name] + more[name]
  return added
}
export const no_faults: FaultCounts = noCounts()

/** @param without kinds that never strike, to find out which a failure needs */
export const faultsOf = (random: Seeded, without: readonly FaultKind[]): Faults => {
  const counts = noCounts()
  const faults: Faults = {
    on: true,
    strikes: (kind, probability) => {
      const struck = random.chance(probability) && faults.on && !without.includes(kind)
      if (struck) counts[kind] += 1
      return struck
    },
    count: (kind) => {
      counts[kind] += 1
    },
    counts: () => ({ ...counts }),
  }
  return faults
}
