/** Saved files that several sessions name: each is counted, and none is removed while a session names it. */
import type { Change } from '../../../shared/audit/changes.ts'
import { checkpoint_kinds, type Session } from '../../../shared/domain/session.ts'
import { sharedFileName } from '../../../shared/domain/shared-file.ts'
import type { SessionFile } from '../../../shared/ports/ports.ts'
import { refs } from '../../../shared/store/keys.ts'
import type { Journal } from '../../support/journal.ts'

interface Named {
  readonly key: string
  readonly shared: boolean
  readonly by: Session
}

const keyOf = (name: Parameters<typeof refs.sharedFile>[0]): string => {
  const { pk, sk } = refs.sharedFile(name)
  return `${pk} ${sk}`
}

/** The files that sessions name. */
const namedIn = (journal: Journal): readonly Named[] =>
  journal.all('session').flatMap((session) =>
    checkpoint_kinds.flatMap((kind) => {
      const file = session.checkpoint?.[kind]
      return file === undefined ? [] : [{ key: keyOf(sharedFileName(session, kind, file)), shared: file.shared === true, by: session }]
    }),
  )

/** What is wrong with the counts after a commit. */
export const sharedFileWrongs = (journal: Journal, changes: readonly Change[]): readonly string[] => {
  const kinds = changes.map(({ before, after }) => (after ?? before)?.kind)
  if (!kinds.includes('session') && !kinds.includes('shared_file')) return []
  const named = Map.groupBy(namedIn(journal), ({ key }) => key)
  const counted = new Map(journal.all('shared_file').map((file) => [keyOf(file), file]))
  return [
    ...[...counted].flatMap(([key, { holders, due_at }]) => {
      const count = named.get(key)?.length ?? 0
      if (count !== holders) return [`custody: ${key} has ${holders} holders, and ${count} sessions name it`]
      return holders === 0 && due_at === undefined ? [`custody: ${key} is nobody's, and nothing will look at it`] : []
    }),
    ...[...named].flatMap(([key, by]) => {
      if (by.every(({ shared }) => shared)) return counted.has(key) ? [] : [`custody: ${key} is shared, and not counted`]
      return by.length === 1 ? [] : [`custody: ${key} is named by ${by.map((one) => one.by.id).join(', ')}, one of which takes it for its own`]
    }),
  ]
}

/** What is wrong with removing a file at this moment. */
export const removalWrongs = (journal: Journal, { kind, ...file }: SessionFile): readonly string[] => {
  const key = keyOf({ ...file, file: kind })
  return namedIn(journal)
    .filter((named) => named.key === key)
    .map(({ by }) => `custody: ${key} is removed while ${by.id} names it`)
}
