/**
 * The worker thread that plays one Lambda function: loads the bundle, runs invocations. Unlike on AWS, several run at once in
 * one thread (docs/decisions). The environment is the function's own, and nothing of the main process's.
 *
 * It imports nothing but Node itself: each function is a heap of its own, and a schema library in every one of them, with the
 * type stripper to load it, would cost more than most functions. The host parses what comes from here.
 */
import { finished } from 'node:stream/promises'
import { parentPort, workerData } from 'node:worker_threads'
import type { FunctionFailure, HostMessage, Invocation, WorkerData, WorkerMessage } from './messages.ts'
import { awslambda, isStreaming, ResponseStream } from './response-stream.ts'

type Handler = (...args: readonly unknown[]) => unknown
const isHandler = (value: unknown): value is Handler => typeof value === 'function'

const port = parentPort
if (port === null) throw new Error('lambda/worker.ts runs as a worker thread')
const data: WorkerData = workerData

const failureOf = (error: unknown): FunctionFailure =>
  error instanceof Error
    ? { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? '').split('\n') }
    : { errorType: 'Error', errorMessage: String(error), trace: [] }

const post = (message: WorkerMessage) => port.postMessage(message)

/** The context object of a Lambda invocation, as far as Node handlers read it. */
const contextOf = (invocation: Invocation) => ({
  functionName: data.function_name,
  functionVersion: '$LATEST',
  invokedFunctionArn: data.function_arn,
  memoryLimitInMB: String(data.memory_mib),
  awsRequestId: invocation.invocation_id,
  logGroupName: `/aws/lambda/${data.function_name}`,
  logStreamName: 'local',
  callbackWaitsForEmptyEventLoop: false,
  getRemainingTimeInMillis: () => invocation.deadline_ms - Date.now(),
})

const load = async (): Promise<Handler> => {
  Object.assign(globalThis, { awslambda })
  const exported: Record<string, unknown> = await import(data.module_url)
  const handler = exported[data.handler]
  if (!isHandler(handler)) throw new Error(`${data.module_url} exports no function ${data.handler}`)
  return handler
}

const streams = new Map<string, ResponseStream>()

/** Through when the handler is, and its reader has taken all or is gone. */
const runStreaming = async (handler: Handler, invocation: Invocation): Promise<undefined> => {
  const { invocation_id } = invocation
  const stream = new ResponseStream(invocation_id, post)
  // A reader that goes is nobody's failure.
  const through = finished(stream).catch(() => undefined)
  streams.set(invocation_id, stream)
  try {
    await handler(invocation.event, stream, contextOf(invocation))
    if (!stream.writableEnded) stream.end()
    await through
  } finally {
    streams.delete(invocation_id)
    stream.destroy()
  }
}

const run = async (handler: Handler, invocation: Invocation) => {
  const { invocation_id } = invocation
  try {
    const result = isStreaming(handler) ? await runStreaming(handler, invocation) : await handler(invocation.event, contextOf(invocation))
    post({ type: 'done', invocation_id, result })
  } catch (error) {
    const failure = failureOf(error)
    console.error(JSON.stringify({ level: 'ERROR', request_id: invocation_id, ...failure }))
    post({ type: 'failed', invocation_id, failure })
  }
}

const hear = (handler: Handler, message: HostMessage): void => {
  if (message.type === 'invoke') void run(handler, message)
  else if (message.type === 'taken') streams.get(message.invocation_id)?.wasTaken()
  else streams.get(message.invocation_id)?.destroy()
}

try {
  const handler = await load()
  port.on('message', (message: HostMessage) => hear(handler, message))
  post({ type: 'loaded' })
} catch (error) {
  post({ type: 'load_failed', failure: failureOf(error) })
}
