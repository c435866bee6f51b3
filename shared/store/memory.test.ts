import { expect, test } from 'vitest'
import { RunEvent } from '../domain/event.ts'
import { refOf } from './keys.ts'
import { memoryStore } from './memory.ts'

const event = () =>
  RunEvent.parse({
    kind: 'event',
    workspace_id: `ws_${'0'.repeat(26)}`,
    run_id: `run_${'0'.repeat(26)}`,
    seq: 2,
    event_type: 'started',
    ts: 1,
    payload: { nested: { list: ['one', { deep: 1 }] } },
    version: 1,
  })

/** Changes what is deepest in an event. */
const spoil = (record: RunEvent) => {
  const { nested } = record.payload
  if (typeof nested !== 'object' || nested === null || Array.isArray(nested) || !Array.isArray(nested.list)) throw new Error('another payload')
  nested.list.push('spoiled')
  const [, deep] = nested.list
  if (typeof deep === 'object' && deep !== null && !Array.isArray(deep)) deep.deep = 'spoiled'
}

test('what a caller does to a record does not reach the table, however deep', async () => {
  const store = memoryStore()
  const given = event()
  await store.commit([{ op: 'put_if_absent', record: given }])
  spoil(given)
  const ref = { ...refOf(given), kind: 'event' } as const
  for (const read of [() => store.get(ref), async () => (await store.getMany([ref]))[0]]) {
    const record = await read()
    expect(record).toEqual(event())
    if (record !== undefined) spoil(record)
  }
  const page = await store.range({ index: 'table', pk: ref.pk, limit: 1 })
  for (const record of page.records) if (record.kind === 'event') spoil(record)
  expect(await store.get(ref)).toEqual(event())
})
