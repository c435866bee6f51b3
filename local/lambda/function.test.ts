import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeFunction, type LocalFunction } from './function.ts'

let folder: string
let log = ''
const functions: LocalFunction[] = []
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lanekeeper-lambda-'))
})
afterAll(async () => {
  for (const one of functions) await one.stop()
  await rm(folder, { recursive: true, force: true })
})

let files = 0
const functionOf = async (source: string, timeout_ms = 10_000): Promise<LocalFunction> => {
  files += 1
  const module_path = join(folder, `f${files}.mjs`)
  await writeFile(module_path, source)
  const settings = { name: 'f', arn: 'arn:f', module_path, handler: 'handler', timeout_ms, memory_mib: 256, environment: { ONLY: 'this' } }
  const made = makeFunction(settings, { write: (text) => (log += String(typeof text === 'string' ? text : Buffer.from(text))) })
  functions.push(made)
  return made
}

test('a function gets event, context and its own environment, and nothing of the host’s', async () => {
  const made = await functionOf(`
    export const handler = async (event, context) => {
      console.log(JSON.stringify({ message: 'seen', event }))
      return { event, env: process.env, name: context.functionName, left: context.getRemainingTimeInMillis() > 0, id: typeof context.awsRequestId }
    }`)
  expect(await made.invoke({ a: 1 })).toEqual({ event: { a: 1 }, env: { ONLY: 'this' }, name: 'f', left: true, id: 'string' })
  await expect.poll(() => log).toContain('{"message":"seen","event":{"a":1}}')
})

test('several invocations run at once in one worker', async () => {
  const made = await functionOf(`
    let waiting = []
    export const handler = async (count) => {
      await new Promise((resolve) => { waiting.push(resolve); if (waiting.length === count) waiting.forEach((one) => one()) })
      return waiting.length
    }`)
  expect(await Promise.all([made.invoke(3), made.invoke(3), made.invoke(3)])).toEqual([3, 3, 3])
})

test('an error of the handler is the invocation’s, and the worker goes on', async () => {
  const made = await functionOf(`
    let calls = 0
    export const handler = async (event) => { calls += 1; if (event.fail) throw new TypeError('no'); return calls }`)
  await expect(made.invoke({ fail: true })).rejects.toMatchObject({ failure: { errorType: 'TypeError', errorMessage: 'no' } })
  expect(await made.invoke({})).toBe(2)
})

test('a worker that crashes fails what runs in it and is replaced', async () => {
  const made = await functionOf(`
    let calls = 0
    export const handler = async (event) => { calls += 1; if (event.crash) setTimeout(() => { throw new Error('boom') }); if (event.wait) await new Promise(() => {}); return calls }`)
  const waiting = made.invoke({ wait: true })
  const crashed = made.invoke({ crash: true, wait: true })
  await expect(waiting).rejects.toMatchObject({ failure: { errorType: 'Runtime.ExitError' } })
  await expect(crashed).rejects.toThrow(/boom/)
  expect(await made.invoke({})).toBe(1)
})

test('an invocation that takes too long fails, and later ones run in a new worker', async () => {
  const made = await functionOf(
    `
    let calls = 0
    export const handler = async (event) => {
      calls += 1
      if (event.hang) await new Promise(() => {})
      return calls
    }`,
    500,
  )
  await made.invoke({})
  const hanging = made.invoke({ hang: true })
  await expect(hanging).rejects.toMatchObject({ failure: { errorType: 'Sandbox.Timedout', errorMessage: 'Task timed out after 0.50 seconds' } })
  expect(await made.invoke({})).toBe(1)
})

test('a module that cannot be loaded fails the invocation and says why', async () => {
  const made = await functionOf(`throw new Error('broken at import')`)
  await expect(made.invoke({})).rejects.toThrow(/broken at import/)
  const other = await functionOf(`export const another = 1`)
  await expect(other.invoke({})).rejects.toThrow(/exports no function handler/)
})

const streaming = `
  export const handler = awslambda.streamifyResponse(async (event, stream, context) => {
    const out = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { 'content-type': 'text/event-stream' } })
    let went = false
    out.on('close', () => { went = true })
    for (let n = 0; n < event.pieces && !went; n += 1) {
      console.log('wrote ' + event.name + ' ' + n)
      if (!out.write('x'.repeat(event.size))) await new Promise((resolve) => { out.once('drain', resolve); out.once('close', resolve) })
    }
    if (event.fail) throw new Error('midway')
    out.end()
  })`
const readerOf = (taken: () => Promise<void> = async () => undefined) => {
  const gone = new AbortController()
  const seen = { status: 0, headers: {}, bytes: 0, pieces: 0 }
  const reader = {
    gone: gone.signal,
    head: (status: number, headers: Readonly<Record<string, string>>) => void Object.assign(seen, { status, headers }),
    piece: async (bytes: Uint8Array) => {
      seen.bytes += bytes.length
      seen.pieces += 1
      await taken()
    },
  }
  return { reader, seen, leave: () => gone.abort() }
}

test('a function that streams is heard piece by piece, its status and headers first', async () => {
  const made = await functionOf(streaming)
  const { reader, seen } = readerOf()
  await made.invoke({ name: 'plain', pieces: 3, size: 40_000 }, reader)
  expect(seen).toEqual({ status: 201, headers: { 'content-type': 'text/event-stream' }, bytes: 120_000, pieces: 3 })
  await expect(made.invoke({ name: 'failing', pieces: 1, size: 1, fail: true }, readerOf().reader)).rejects.toMatchObject({
    failure: { errorMessage: 'midway' },
  })
})

test('a reader that takes nothing holds the function up, and one that goes ends its stream', async () => {
  const made = await functionOf(streaming)
  const { reader, seen, leave } = readerOf(() => new Promise(() => undefined))
  const invoked = made.invoke({ name: 'held', pieces: 1_000, size: 100_000 }, reader)
  await expect.poll(() => seen.pieces).toBe(1)
  expect(await made.invoke({ name: 'beside', pieces: 2, size: 10 }, readerOf().reader)).toBeUndefined()
  expect(log.match(/wrote held/g)).toHaveLength(1)
  leave()
  await invoked
  expect(log.match(/wrote held/g)).toHaveLength(1)
})
