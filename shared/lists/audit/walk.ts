/** A walk through everything of one kind, page by page: each subject is looked at with its neighbours, and again where something looks wrong. */
import { settle, type Look, type Settled } from './settle.ts'
import type { Watch } from '../../audit/coverage.ts'
import type { Finding } from '../../audit/finding.ts'
import type { WorkspaceId } from '../../domain/ids.ts'
import type { Store } from '../../store/store.ts'
import type { Source } from '../pages.ts'

export interface AuditDeps {
  readonly store: Store
  readonly workspace_id: WorkspaceId
  /** The clock is asked at each look: a suspicion may be cleared up by time alone. */
  readonly watch: () => Watch
}

export interface Walk<T> {
  /** Subjects of one page. */
  readonly page_size: number
  readonly source: (deps: AuditDeps) => Source<T>
  /** Looks at each, in order. */
  readonly look: (deps: AuditDeps, subjects: readonly T[]) => Promise<readonly Look[]>
  /** The subject as it is now; undefined if it is gone. */
  readonly fresh: (deps: AuditDeps, subject: T) => Promise<T | undefined>
}

export interface Walked {
  readonly checked: number
  /** Suspects that changed at each look. */
  readonly unsettled: number
  readonly findings: readonly Finding[]
  readonly after?: string
}

const only = (look: Look, invariant: number): Look => ({ ...look, findings: look.findings.filter((finding) => finding.invariant === invariant) })

/** One page of a walk, held against one invariant. */
export const walkPage = async <T>(walk: Walk<T>, deps: AuditDeps, invariant: number, after: string | undefined): Promise<Walked> => {
  const page = await walk.source(deps)(after, walk.page_size)
  const looks = await walk.look(deps, page.records)
  const settled: Settled[] = []
  for (const [position, subject] of page.records.entries()) {
    const first = looks[position]
    if (first === undefined) continue
    const again = async (): Promise<Look | undefined> => {
      const now = await walk.fresh(deps, subject)
      const [look] = now === undefined ? [] : await walk.look(deps, [now])
      return look === undefined ? undefined : only(look, invariant)
    }
    settled.push(await settle(only(first, invariant), again))
  }
  return {
    checked: page.records.length,
    unsettled: settled.filter((one) => !one.settled).length,
    findings: settled.flatMap((one) => (one.settled ? one.findings : [])),
    ...(page.after === undefined ? {} : { after: page.after }),
  }
}
