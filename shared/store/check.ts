/** What no store accepts: mistakes of the caller, found before anything is sent, so that both stores refuse alike. */
import { keyOfWrite } from './items.ts'
import { commit_writes_max, type CeilingChange, type InstanceChange, type RangeQuery, type SharedFileChange, type Write } from './store.ts'

const checkChange = (change: InstanceChange | CeilingChange | SharedFileChange): void => {
  const fields = [...Object.keys(change.add), ...Object.keys(change.set ?? {}), ...(change.remove ?? [])]
  if (new Set(fields).size !== fields.length) throw new TypeError(`a change names a field twice: ${fields.join(', ')}`)
}

/** Throws on a commit that DynamoDB would refuse as malformed. */
export const checkCommit = (writes: readonly Write[]): void => {
  if (writes.length > commit_writes_max) throw new RangeError(`a commit of ${writes.length} writes; at most ${commit_writes_max} are possible`)
  const keys = writes.map((write) => JSON.stringify([keyOfWrite(write).pk, keyOfWrite(write).sk]))
  const twice = keys.find((key, position) => keys.indexOf(key) !== position)
  if (twice !== undefined) throw new TypeError(`a commit writes one item twice: ${twice}`)
  for (const write of writes) if (write.op === 'add_within_limit') checkChange(write.change)
}

/** Throws on a query that DynamoDB would refuse as malformed. */
export const checkRange = (query: RangeQuery): void => {
  if (!Number.isInteger(query.limit) || query.limit < 1) throw new RangeError(`a limit of ${query.limit}; it must be a whole number from 1`)
  if ([query.pk, query.from, query.to, query.after].includes('')) throw new TypeError('a query with an empty key')
}
