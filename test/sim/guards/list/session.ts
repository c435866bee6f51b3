/** Guards of sessions, lines and what is read together. */
import { guardsIn, type Guard } from '../guard.ts'

export const session_guards: readonly Guard[] = [
  ...guardsIn('shared/domain/decide/session.ts', [
    {
      name: 'release.due',
      find: 'session.waiting ? { due_at: freedDue(now_ms) } : {}',
      replace: '{}',
      invariant: 12,
      protects: 'a freed session for which tasks wait is looked at, should its doorbell be lost',
    },
    {
      name: 'reconcile.held',
      find: 'isHeld(session.owner, owner_run) !== false',
      replace: 'false',
      invariant: 3,
      protects: 'the lease of a live attempt is not released',
    },
    {
      name: 'hand-over.free',
      find: 'if (session.owner !== undefined || session.parked_run_id !== undefined || !session.waiting) return',
      replace: 'if (session.parked_run_id !== undefined || !session.waiting) return',
      invariant: 3,
      protects: 'a session that is held hands nobody over',
      harmless: 'both flows decide this only for a session that they have read as free. A decision is right by itself, whoever asks for it.',
    },
    {
      name: 'hand-over.session-due',
      find: 'record: { ...session, due_at: freedDue(now_ms), updated_at: timestamp(now_ms) } },\n      {',
      replace: 'record: { ...session, due_at: undefined, updated_at: timestamp(now_ms) } },\n      {',
      invariant: 12,
      protects: 'a session is looked at until its waiting line is empty',
    },
    {
      name: 'hand-over.class-due',
      find: "{ op: 'add_within_limit', ref: refs.instance(head.workspace_id, head.class_key), change: { add: {}, set: { due_at: freedDue(now_ms) } }, conditions: [] },",
      replace: '',
      invariant: 12,
      protects: 'a class that gets a place back is looked at, should its doorbell be lost',
    },
    {
      name: 'hand-over.rings',
      find: "[{ kind: 'class', workspace_id: head.workspace_id, class_key: head.class_key }],",
      replace: '[],',
      invariant: 12,
      protects: 'who waited for the session starts at once',
    },
  ]),
  ...guardsIn('shared/domain/lines.ts', [
    {
      name: 'line.version',
      find: 'version: task.version,',
      replace: 'version: 1,',
      invariant: 1,
      protects: 'who saw an earlier place of a task does not take a later one',
    },
  ]),
  ...guardsIn('shared/flows/load.ts', [
    {
      name: 'load.place-moved-back',
      find: ' ?? (await deps.store.get(in_session)) ?? (await deps.store.get(in_class))',
      replace: ' ?? (await deps.store.get(in_session))',
      invariant: 1,
      protects: 'a place that moves to and fro while it is looked for is found',
    },
    {
      name: 'load.place-before-it-moves',
      find: 'return (await deps.store.get(in_class)) ?? ',
      replace: 'return ',
      invariant: 1,
      protects: 'a place that is parked while it is looked for is found',
    },
    {
      name: 'load.place-in-session',
      find: ' ?? (await deps.store.get(in_session)) ??',
      replace: ' ??',
      invariant: 1,
      protects: 'a place in the line of a session is found',
    },
    {
      name: 'load.fit-together',
      find: "(task.state === 'running') === (run !== undefined && isLive(run.attempt) && run.waiting_since === undefined)",
      replace: 'true',
      invariant: 8,
      protects: 'two reads between which somebody wrote are not taken for one',
    },
  ]),
  ...guardsIn('shared/flows/flow.ts', [
    {
      name: 'settle.conflict',
      find: 'if (!committed.ok) continue\n',
      replace: '',
      invariant: 1,
      protects: 'a decision that did not hold is made again',
    },
  ]),
  ...guardsIn('shared/flows/launch.ts', [
    {
      name: 'launch.refused-attempt',
      find: 'attempt_no: launch.attempt_no,\n    outcome',
      replace: 'attempt_no: run.attempt.attempt_no,\n    outcome',
      invariant: 3,
      protects: 'a launch that is refused late does not end a later attempt',
    },
    {
      name: 'launch.throttled-rings',
      find: "{ kind: 'task', workspace_id: run.workspace_id, task_id: run.task_id, delay_ms: nextTryMs(run.attempt.admitted_at, deps.clock.now()) },",
      replace: '',
      invariant: 12,
      protects: 'a launch that was throttled is tried again soon',
    },
  ]),
]
