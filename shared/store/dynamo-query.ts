/** Queries of one partition of the table or of an index. */
import { QueryCommand, type QueryCommandInput } from '@aws-sdk/client-dynamodb'
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb'
import * as z from 'zod'
import { checkRange } from './check.ts'
import { cursorOf, positionOf, type Position } from './cursor.ts'
import { call, reporting, type Link } from './dynamo-link.ts'
import { indexes } from './keys.ts'
import type { RangeQuery } from './store.ts'

const Key = z.looseObject({ pk: z.string(), sk: z.string() })
type RawItem = z.infer<typeof Key>

const keyNames = (index: RangeQuery['index']) => (index === 'table' ? { pk: 'pk', sk: 'sk' } : indexes[index])

const laterOf = (a: string | undefined, b: string | undefined) => (a === undefined || (b !== undefined && b > a) ? b : a)
const earlierOf = (a: string | undefined, b: string | undefined) => (a === undefined || (b !== undefined && b < a) ? b : a)

/** Both bounds inclusive; where the query goes on after a record, that record's sort key is the bound. */
const boundsOf = ({ from, to, newest_first = false }: RangeQuery, at: Position | undefined) =>
  newest_first ? { lower: from, upper: earlierOf(to, at?.sort) } : { lower: laterOf(from, at?.sort), upper: to }

type Bounds = ReturnType<typeof boundsOf>

const sortCondition = ({ lower, upper }: Bounds): string => {
  if (lower !== undefined && upper !== undefined) return ' AND #sk BETWEEN :lower AND :upper'
  if (lower !== undefined) return ' AND #sk >= :lower'
  return upper === undefined ? '' : ' AND #sk <= :upper'
}

const inputOf = (link: Link, query: RangeQuery, bounds: Bounds): QueryCommandInput => {
  const names = keyNames(query.index)
  const bounded = bounds.lower !== undefined || bounds.upper !== undefined
  return {
    TableName: link.table,
    ...(query.index === 'table' ? { ConsistentRead: query.consistent ?? true } : { IndexName: query.index }),
    KeyConditionExpression: `#pk = :pk${sortCondition(bounds)}`,
    ExpressionAttributeNames: { '#pk': names.pk, ...(bounded ? { '#sk': names.sk } : {}) },
    ExpressionAttributeValues: marshall({
      ':pk': query.pk,
      ...(bounds.lower === undefined ? {} : { ':lower': bounds.lower }),
      ...(bounds.upper === undefined ? {} : { ':upper': bounds.upper }),
    }),
    ScanIndexForward: query.newest_first !== true,
    ...reporting(link),
  }
}

/** The key to start behind, where it is known; and only inside the bounds, as DynamoDB demands. */
const startKey = ({ index, pk }: RangeQuery, at: Position | undefined, bounds: Bounds): QueryCommandInput['ExclusiveStartKey'] => {
  if (at === undefined || (at.sort !== bounds.lower && at.sort !== bounds.upper)) return undefined
  if (index === 'table') return marshall({ pk, sk: at.sort })
  return at.key === undefined ? undefined : marshall({ ...at.key, [indexes[index].pk]: pk, [indexes[index].sk]: at.sort })
}

/** Items of the table, or of an index their keys, in order. `after` is absent at the end. */
export const queryItems = async (link: Link, query: RangeQuery): Promise<{ readonly items: readonly RawItem[]; readonly after?: string }> => {
  checkRange(query)
  const { index, limit } = query
  const names = keyNames(index)
  const at = query.after === undefined ? undefined : positionOf(index, query.after)
  const bounds = boundsOf(query, at)
  if (bounds.lower !== undefined && bounds.upper !== undefined && bounds.lower > bounds.upper) return { items: [] }
  const input = inputOf(link, query, bounds)
  const items: RawItem[] = []
  let ExclusiveStartKey = startKey(query, at, bounds)
  const skipped = at !== undefined && ExclusiveStartKey === undefined ? query.after : undefined
  do {
    // One more than asked for, to know whether others follow.
    const Limit = limit + 1 - items.length + (skipped === undefined ? 0 : 1)
    const page = await call(link, 'query', () =>
      link.client.send(new QueryCommand({ ...input, Limit, ...(ExclusiveStartKey === undefined ? {} : { ExclusiveStartKey }) })),
    )
    items.push(...(page.Items ?? []).map((item) => Key.parse(unmarshall(item))).filter((item) => item[names.sk] !== skipped))
    ExclusiveStartKey = page.LastEvaluatedKey
  } while (items.length <= limit && ExclusiveStartKey !== undefined)
  const cut = items.slice(0, limit)
  const last = cut.at(-1)
  return items.length > limit && last !== undefined ? { items: cut, after: cursorOf(index, z.string().parse(last[names.sk]), last) } : { items: cut }
}
