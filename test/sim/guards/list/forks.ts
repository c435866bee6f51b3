/** Guards of saved files that several sessions name. A session is no conversation without them, so they belong to invariant 3. */
import { guardsIn, type Guard } from '../guard.ts'

export const fork_guards: readonly Guard[] = [
  ...guardsIn('shared/domain/decide/fork.ts', [
    {
      name: 'share.two-holders',
      find: 'holders: 2,',
      replace: 'holders: 1,',
      invariant: 3,
      protects: 'the files of a session that is forked are counted for both',
    },
    {
      name: 'share.marks-source',
      find: 'isShared(checkpoint) ? []',
      replace: '[].length === 0 ? []',
      invariant: 3,
      protects: 'a session that is forked knows so, and removes no file by itself that the fork names',
    },
  ]),
  ...guardsIn('shared/domain/shared-file.ts', [
    {
      name: 'share.still-there',
      find: "change: { add: { holders: 1 } },\n  conditions: [{ field: 'holders', is: 'at_least', value: 1 }],",
      replace: 'change: { add: { holders: 1 } },\n  conditions: [],',
      invariant: 3,
      protects: 'a fork names no file that is being removed',
    },
    {
      name: 'share.due',
      find: ', set: { due_at: timestamp(now_ms) }',
      replace: '',
      invariant: 12,
      protects: 'a file that nobody names any more is looked at',
    },
    {
      name: 'share.only-shared',
      find: '.filter(({ file }) => file.shared === true)',
      replace: '',
      invariant: 3,
      protects: 'a session that shares nothing waits for no count',
    },
  ]),
  ...guardsIn('shared/domain/session.ts', [
    {
      name: 'share.told-again',
      find: 'named !== undefined && isSameFile(named, made) ? { ...named, bytes } : made',
      replace: 'made',
      invariant: 3,
      protects: 'a turn whose end is told again does not make its shared files its own',
    },
    {
      name: 'share.whose',
      find: 'a.session_id === b.session_id && ',
      replace: '',
      invariant: 3,
      protects: "a fork's own file is told from its source's under the same fencing token",
    },
  ]),
  ...guardsIn('shared/domain/decide/finish.ts', [
    {
      name: 'share.finish-releases',
      find: ', ...releaseWrites(session, released, now_ms)',
      replace: '',
      invariant: 3,
      protects: 'what an attempt saved last is counted off from those who share the files before',
    },
  ]),
  ...guardsIn('shared/domain/decide/turn.ts', [
    {
      name: 'share.turn-releases',
      find: '  ...releaseWrites(before, after, now_ms),\n',
      replace: '',
      invariant: 3,
      protects: 'what a turn saved is counted off from those who share the files before',
    },
  ]),
  ...guardsIn('shared/flows/runner.ts', [
    {
      name: 'share.restored-from',
      find: '{ fencing_token, turn, session_id = run.session_id }: SavedFile) =>\n    deps.files.downloadUrl({ workspace_id: run.workspace_id, session_id,',
      replace: '{ fencing_token, turn }: SavedFile) =>\n    deps.files.downloadUrl({ workspace_id: run.workspace_id, session_id: run.session_id,',
      invariant: 3,
      protects: 'a fork begins with the files of its source, and with no others',
    },
    {
      name: 'share.transcript-named',
      find: '    ...(session?.transcript_of === undefined ? {} : { transcript_of: session.transcript_of }),\n',
      replace: '',
      invariant: 3,
      protects: "a fork's agent finds the transcript that was begun in another session",
    },
  ]),
  ...guardsIn('shared/flows/saved-files.ts', [
    {
      name: 'share.not-removed-alone',
      find: '.filter(({ file }) => file.shared !== true)',
      replace: '',
      invariant: 3,
      protects: 'a session removes no file by itself that others may name',
    },
    {
      name: 'share.unnamed',
      find: 'if (shared.holders === 0) {',
      replace: 'if (shared.holders >= 0) {',
      invariant: 3,
      protects: 'a file that a session names is not removed',
    },
    {
      name: 'share.file-first',
      find: '    await deps.files.remove({ workspace_id, session_id, fencing_token, turn, kind })\n    await deps.store.commit',
      replace: '    await deps.store.commit',
      invariant: 12,
      protects: 'a file that nobody names is removed before its record is, so that a crash between the two leaves none for ever',
    },
    {
      name: 'share.rests-named',
      find: "        { field: 'holders', is: 'at_least', value: 1 },\n        { field: 'due_at', is: 'equals', value: shared.due_at },\n",
      replace: '',
      invariant: 12,
      protects: 'a file that the last session stops to name while it is looked at is looked at again',
    },
  ]),
]
