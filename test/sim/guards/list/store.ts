/** Conditions on writes, by the kind of record that is written. Each is taken away in the store, where it is applied. */
import { guardsIn, type Cut, type Guard } from '../guard.ts'

const of = (op: 'put' | 'replace' | 'delete', kind: string, invariant: number, protects: string): Cut => {
  const [find, holds] = {
    put: ['return item === undefined\n', `write.record.kind === '${kind}' || item === undefined`],
    replace: [
      'return item?.version === write.record.version',
      `(write.record.kind === '${kind}' && item !== undefined) || item?.version === write.record.version`,
    ],
    delete: ['return item?.version === write.version', `(write.ref.kind === '${kind}' && item !== undefined) || item?.version === write.version`],
  }[op]
  return { name: `store.${op}-${kind}`, find: find ?? '', replace: `return ${holds}\n`, invariant, protects }
}

export const store_guards: readonly Guard[] = guardsIn('shared/store/memory.ts', [
  of('put', 'command', 2, 'two requests with one idempotency key do not both make a task'),
  of('replace', 'task', 7, 'a task is moved from the state that was read, and from no other'),
  of('replace', 'run', 7, 'a run and its attempt are moved from the status that was read'),
  of('replace', 'session', 3, 'a session is granted or freed as it was read'),
  of('replace', 'schedule', 9, 'a schedule is moved on from the tick that was read, and changed as it was read'),
  of('delete', 'place', 1, 'a place is taken by one dispatcher, and not after it has moved'),
  {
    name: 'store.all-or-none',
    find: 'if (conflicts.length > 0) return { ok: false, conflicts }',
    replace: 'if (conflicts.length === next.length) return { ok: false, conflicts }',
    invariant: 4,
    protects: 'a commit does nothing where one of its conditions does not hold',
  },
  {
    name: 'store.counter-condition',
    find: 'item !== undefined && write.conditions.every((condition) => conditionHolds(item, condition))',
    replace: 'item !== undefined',
    invariant: 5,
    protects: 'the counters of a class change within the limits that the write names',
  },
])
