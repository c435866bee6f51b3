/** Guards of dispatch: who is admitted, into what room, with which session. */
import { guardsIn, type Guard } from '../guard.ts'

const decisions = guardsIn('shared/domain/decide/admit.ts', [
  {
    name: 'admit.limit',
    find: "{ field: 'live', is: 'at_most', value: degraded ? 0 : instance.limit - count },",
    replace: '',
    invariant: 5,
    protects: 'two dispatchers do not fill one room twice',
  },
  {
    name: 'admit.limit-unchanged',
    find: "{ field: 'limit', is: 'equals', value: instance.limit },",
    replace: '',
    invariant: 5,
    protects: 'a limit that was lowered after it was read holds',
  },
  {
    name: 'admit.healthy-still',
    find: "...(degraded ? [] : [{ field: 'failures', is: 'at_most', value: instance.failed_attempt_threshold - 1 } as const]),",
    replace: '',
    invariant: 5,
    protects: 'a class that was degraded after it was read gets one probe and no more',
  },
  {
    name: 'admit.token-grows',
    find: '(candidate.session?.fencing_token ?? 0) + 1',
    replace: 'candidate.session?.fencing_token ?? 1',
    invariant: 3,
    protects: 'each grant of a session has a greater token than all before',
  },
  {
    name: 'admit.due',
    find: 'due_at: earlier(task.due_at, timestamp(now_ms + look_again_ms)),',
    replace: 'due_at: task.due_at,',
    invariant: 1,
    protects: 'a task whose doorbells are all lost is looked at once it runs',
  },
  {
    name: 'wait.session-told',
    find: "{ op: 'replace_if_version', record: { ...session, waiting: true, updated_at: timestamp(now_ms) } },",
    replace: '',
    invariant: 12,
    protects: 'a task waits for a session only while that is held, and its release knows of it',
  },
])

const dispatch = guardsIn('shared/flows/dispatch.ts', [
  {
    name: 'dispatch.limit-condition',
    find: "conditions: [{ field: 'limit', is: 'equals', value: stored.limit }],",
    replace: 'conditions: [],',
    invariant: 5,
    protects: 'a dispatcher that read an old limit does not write over the one that an operator has set since',
  },
  {
    name: 'dispatch.session-free',
    find: 'else if (session !== undefined && isTaken(session, task?.target_run_id)) {',
    replace: 'else if (false) {',
    invariant: 3,
    protects: 'a session that another attempt holds is not granted',
  },
  {
    name: 'dispatch.one-place-per-session',
    find: "task?.state === 'queued' && !taken.has(place.session_id)",
    replace: "task?.state === 'queued'",
    invariant: 3,
    protects: 'one commit grants a session once',
  },
  {
    name: 'dispatch.recall',
    find: 'if (session?.waiting === true && session.parked_run_id === undefined && (await recallOvertaken(deps, place, session))) moved = true\n      else ',
    replace: '',
    invariant: 10,
    protects: 'who waited for a session is served before who came later',
  },
  {
    name: 'dispatch.recall-order',
    find: ' && standsBefore(record, place)',
    replace: '',
    invariant: 12,
    protects: 'only who stands before comes back first, so that two do not change places for ever',
    harmless: 'the next look finds the same order. Without it each who waits behind would be moved to the class and back, three writes each time.',
  },
  {
    name: 'dispatch.recall-class',
    find: ' && record.class_key === place.class_key',
    replace: '',
    invariant: 12,
    protects: 'a place of another class, which may have no room, holds up nobody in this one',
    harmless: 'who waits in another class would be moved to its line and back again, because this place takes the session first. No more than writes are lost.',
  },
  {
    name: 'dispatch.candidate-fits',
    find: 'one !== undefined && fitTogether(one.task, run) ? {',
    replace: 'one !== undefined ? {',
    invariant: 3,
    protects: 'what was read while another dispatcher wrote is read again',
  },
  {
    name: 'dispatch.room',
    find: 'roomOf(instance, deps.clock.now()) : 0',
    replace: 'batch : 0',
    invariant: 5,
    protects: 'no more are tried than there is room for',
  },
  {
    name: 'dispatch.cooling-due',
    find: "return healthOf(instance) === 'degraded' && cooldown_until !== undefined && millis(cooldown_until) > now_ms ? cooldown_until : undefined",
    replace: 'return undefined',
    invariant: 12,
    protects: 'a class in its cool-down is looked at when that is over',
  },
  {
    name: 'dispatch.inactive-due',
    find: 'return (await headOfLine(deps, instance, 1)).length === 0 ? undefined : timestamp(now_ms + inactive_again_ms)',
    replace: 'return undefined',
    invariant: 1,
    protects: 'a class whose agent is inactive is looked at again, should nobody ring when it is activated',
  },
  {
    name: 'dispatch.clear-what-was-seen',
    find: "conditions: [{ field: 'due_at', is: 'equals', value: instance.due_at }],",
    replace: 'conditions: [],',
    invariant: 12,
    protects: 'a due time that was set while the class was looked at stays',
  },
  {
    name: 'dispatch.clear-what-has-passed',
    find: 'if (instance.due_at === undefined || millis(instance.due_at) > deps.clock.now()) return\n',
    replace: 'if (instance.due_at === undefined) return\n',
    invariant: 12,
    protects: 'a due time that has not come is left alone',
  },
  {
    name: 'dispatch.goes-on',
    find: "  await sendSignals(deps, [{ kind: 'class', workspace_id: name.workspace_id, class_key: name.class_key }])\n}",
    replace: '}',
    invariant: 12,
    protects: 'a class with more to do than one look can is looked at again',
  },
  {
    name: 'dispatch.served-line',
    find: 'const line_is_served = !moved && !torn && places.length < limit',
    replace: 'const line_is_served = true',
    invariant: 12,
    protects: 'a look goes on until nothing more can start',
  },
])

export const admit_guards: readonly Guard[] = [...decisions, ...dispatch]
