/**
 * From a suspicion to a finding. Records that belong together are written in one transaction and read one after the other, so a check may
 * see one before a commit and another after it. What looks wrong is therefore read again until two reads in a row see the same versions: every
 * record then stood in the table, just so, at the moment between the two reads, and what is wrong with them is true.
 */
import type { Finding } from '../../audit/finding.ts'

/** One look at records that belong together. */
export interface Look {
  readonly findings: readonly Finding[]
  /** Equal for two looks only if nothing has changed between them. */
  readonly versions: string
  /** The look may have missed a record that an index does not show yet: then it is worth nothing, however often it is repeated. */
  readonly is_fresh?: boolean
}
export type Settled = { readonly settled: true; readonly findings: readonly Finding[] } | { readonly settled: false }

/** Looks after the first, until the caller is told that the records never stood still. */
const looks_max = 4

/** @param again looks at the same records anew; undefined where they are gone */
export const settle = async (first: Look, again: () => Promise<Look | undefined>): Promise<Settled> => {
  let before = first
  if (before.findings.length === 0) return { settled: true, findings: [] }
  for (let looks = 0; looks < looks_max; looks += 1) {
    const next = await again()
    if (next === undefined || next.findings.length === 0) return { settled: true, findings: [] }
    if (next.versions === before.versions && next.is_fresh !== true) return { settled: true, findings: next.findings }
    before = next
  }
  return { settled: false }
}
