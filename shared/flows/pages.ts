/** Everything in a partition of an index, newest first. */
import type { IndexName } from '../store/keys.ts'
import type { StoredRecord } from '../store/records.ts'
import type { FlowDeps } from './flow.ts'

const page_size = 100

/** Page by page. A record that has left the partition meanwhile may still be in its page. */
export async function* pagesOf(deps: FlowDeps, index: IndexName, pk: string): AsyncGenerator<readonly StoredRecord[]> {
  let after: string | undefined
  do {
    const page = await deps.store.range({ index, pk, limit: page_size, newest_first: true, ...(after === undefined ? {} : { after }) })
    yield page.records
    after = page.after
  } while (after !== undefined)
}
