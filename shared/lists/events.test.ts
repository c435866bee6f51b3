import { expect, test } from 'vitest'
import { runEvent } from '../domain/events.ts'
import { attemptSample, now_ms, runSample } from '../domain/samples.ts'
import { memoryStore } from '../store/memory.ts'
import { eventsAfter } from './events.ts'

const run = (event_seq: number) => runSample('running', attemptSample('running'), { event_seq })

test('a run comes with the events that it knows of, and not with newer ones', async () => {
  const store = memoryStore()
  for (const seq of [2, 3, 4]) {
    const event = runEvent(run(seq), seq === 2 ? 'started' : 'input_dispatched', now_ms, {}, false)
    expect(await store.commit([{ op: 'put_if_absent', record: event }])).toMatchObject({ ok: true })
  }
  const seqs = async (event_seq: number, after: number) => (await eventsAfter(store, run(event_seq), after, 10)).items.map(({ seq }) => seq)
  expect(await seqs(3, 0)).toEqual([1, 2, 3])
  expect(await seqs(3, 2)).toEqual([3])
  expect(await seqs(3, 3)).toEqual([])
  expect(await seqs(1, 0)).toEqual([1])
  expect(await seqs(4, 0)).toEqual([1, 2, 3, 4])
})
