import { expect, test } from 'vitest'
import type { TaskEventBatch } from '../shared/contract/task-logs.ts'
import { LanekeeperError } from './error.ts'
import type { FollowOptions } from './follow.ts'
import { streamTaskEvents } from './stream.ts'
import { sample_ids, sampleBatch, sampleLog, sampleTask } from './testing/samples.ts'

const { task } = sample_ids

/** What a connection answers: frames, and then its end, a break, or nothing at all. */
type Connection = (signal: AbortSignal) => Promise<Response>

const streamed =
  (frames: readonly string[], then: 'ends' | 'breaks' | 'is silent' = 'ends'): Connection =>
  async (signal) => {
    const left = [...frames]
    const body = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const next = left.shift()
        if (next !== undefined) return controller.enqueue(new TextEncoder().encode(next))
        if (then === 'ends') return controller.close()
        if (then === 'breaks') return controller.error(new Error('reset'))
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
        controller.error(signal.reason)
      },
    })
    return new Response(body)
  }
const answered =
  (status: number, code = 'unavailable'): Connection =>
  async () =>
    Response.json({ code, detail: 'no' }, { status })

const batchNo = (n: number): TaskEventBatch =>
  sampleBatch({ run_id: sample_ids.run, logs: [sampleLog(n, 'text', `log ${n}`)], next_log_cursor: `${n}`, next_run_event_cursor: '2' })
const batch = (n: number) => `id: place-${n}\nevent: batch\ndata: ${JSON.stringify(batchNo(n))}\n\n`
const end = 'id: over\nevent: end\ndata: {"task_id":"x","state":"done"}\n\n'
const hello = 'retry: 1000\n\n'

interface Asked {
  readonly url: string
  readonly after: string | null
}

const follow = async (
  connections: readonly Connection[],
  options: FollowOptions & { readonly polled?: readonly TaskEventBatch[]; readonly stream_url?: string | undefined; readonly onBatch?: () => void } = {},
) => {
  const asked: Asked[] = []
  const polls: object[] = []
  const slept: number[] = []
  const delivered: (string | undefined)[] = []
  const waiting: Connection[] = [...connections]
  const sleep = async (ms: number, signal?: AbortSignal) => {
    // The patience for a silent connection, which ends when it speaks.
    if (ms === 30_000) {
      await new Promise<void>((resolve) => {
        setTimeout(resolve, 20)
        signal?.addEventListener('abort', () => resolve())
      })
      return
    }
    slept.push(ms)
  }
  const ports = {
    events: async (_: string, cursors: object) => {
      polls.push(cursors)
      return options.polled?.[polls.length - 1] ?? sampleBatch({ task: sampleTask({ state: 'done' }) })
    },
    sleep,
    streamUrl: async () => ('stream_url' in options ? options.stream_url : 'https://stream.invalid'),
    transport: {
      url: 'https://api.invalid',
      key: 'lk_test',
      sleep,
      random: () => 1,
      tries_max: 1,
      timeout_ms: 1_000,
      fetch: async (input: Parameters<typeof fetch>[0], init?: RequestInit) => {
        const headers = new Headers(init?.headers)
        expect([headers.get('authorization'), headers.get('accept')]).toEqual(['Bearer lk_test', 'text/event-stream'])
        asked.push({ url: new Request(input).url, after: headers.get('last-event-id') })
        const connection = waiting.shift()
        if (connection === undefined) throw new Error('connected more often than there is something to connect to')
        return connection(init?.signal ?? new AbortController().signal)
      },
    },
  }
  for await (const one of streamTaskEvents(ports, task, { after: options.after, signal: options.signal })) {
    delivered.push(one.logs[0]?.data)
    options.onBatch?.()
  }
  return { asked, polls, slept, delivered }
}

const path = `https://stream.invalid/v1/tasks/${task}/events`

test('a stream is read to its end', async () => {
  const { asked, delivered, polls } = await follow([streamed([hello, batch(1), ': still here\n\n', batch(2) + batch(3), end])])
  expect(delivered).toEqual(['log 1', 'log 2', 'log 3'])
  expect([asked, polls]).toEqual([[{ url: path, after: null }], []])
})

test('a connection that breaks within an event is taken up behind the last whole one', async () => {
  const { asked, delivered, slept } = await follow([
    streamed([hello, batch(1), batch(2).slice(0, 40)], 'breaks'),
    streamed([hello, batch(2), 'retry: 50\n\n']),
    streamed([hello, batch(3), end]),
  ])
  expect(delivered).toEqual(['log 1', 'log 2', 'log 3'])
  expect(asked.map(({ after }) => after)).toEqual([null, 'place-1', 'place-2'])
  expect(slept).toEqual([1_000, 50])
})

test('a silent connection is given up and taken up again', async () => {
  const { asked, delivered } = await follow([streamed([hello, batch(1)], 'is silent'), streamed([hello, end])])
  expect([delivered, asked.length]).toEqual([['log 1'], 2])
})

test('streams that end quietly again and again are no failure', async () => {
  const { asked, polls } = await follow([...Array.from({ length: 9 }, () => streamed([hello, ': still here\n\n', 'retry: 50\n\n'])), streamed([hello, end])])
  expect([asked.length, polls.length]).toEqual([10, 0])
})

test('where nobody streams, the task is asked for, from the last batch on', async () => {
  const { asked, polls, delivered, slept } = await follow([
    streamed([hello, batch(1)], 'breaks'),
    answered(429),
    answered(503),
    async () => Promise.reject(new TypeError('fetch failed')),
  ])
  expect(asked).toHaveLength(4)
  expect(slept.slice(0, 4)).toEqual([1_000, 1_000, 2_000, 4_000])
  expect(polls[0]).toEqual({ log_cursor: '1', run_event_cursor: '2', cursor_run_id: sample_ids.run })
  expect(delivered).toEqual(['log 1', undefined])
})

test('a deployment that does not stream is polled from where the reader is', async () => {
  const { asked, polls } = await follow([], { stream_url: undefined, after: batchNo(7) })
  expect([asked, polls[0]]).toEqual([[], { log_cursor: '7', run_event_cursor: '2', cursor_run_id: sample_ids.run }])
})

test('a stream begins behind the batch that it is given', async () => {
  const { asked } = await follow([streamed([hello, end])], { after: batchNo(7) })
  expect(asked).toEqual([{ url: `${path}?log_cursor=7&run_event_cursor=2&cursor_run_id=${sample_ids.run}`, after: null }])
})

test('a 204 says that there is nothing to come for', async () => {
  const { polls, delivered } = await follow([streamed([hello, batch(1)], 'breaks'), async () => new Response(null, { status: 204 })])
  expect([polls, delivered]).toEqual([[], ['log 1']])
})

test('what the API refuses is thrown at once, and so is a batch that is none', async () => {
  await expect(follow([answered(404, 'not_found')])).rejects.toMatchObject({ code: 'not_found', status: 404 })
  await expect(follow([streamed([hello, 'event: batch\ndata: {}\n\n'])])).rejects.toThrow(LanekeeperError)
})

test('it ends with the reason of an abort, and leaves no connection behind', async () => {
  const controller = new AbortController()
  let closed = false
  const connection: Connection = async (signal) => {
    signal.addEventListener('abort', () => (closed = true))
    return streamed([hello, batch(1)], 'is silent')(signal)
  }
  await expect(follow([connection], { signal: controller.signal, onBatch: () => controller.abort(new Error('detached')) })).rejects.toThrow('detached')
  expect(closed).toBe(true)
})
