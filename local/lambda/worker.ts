/**
 * The worker thread that plays one Lambda function: loads the bundle, runs invocations. Unlike on AWS, several run at once in
 * one thread (docs/decisions). The environment is the function's own, and nothing of the main process's.
 *
 * It imports nothing but Node itself: each function is a heap of its own, and a schema library in every one of them, with the
 * type stripper to load it, would cost more than most functions. The host parses what comes from here.
 */
import { parentPort, workerData } from 'node:worker_threads'
import type { FunctionFailure, Invocation, WorkerData, WorkerMessage } from './messages.ts'

type Handler = (event: unknown, context: unknown) => unknown
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
  const exported: Record<string, unknown> = await import(data.module_url)
  const handler = exported[data.handler]
  if (!isHandler(handler)) throw new Error(`${data.module_url} exports no function ${data.handler}`)
  return handler
}

const run = async (handler: Handler, invocation: Invocation) => {
  const { invocation_id } = invocation
  try {
    post({ type: 'done', invocation_id, result: await handler(invocation.event, contextOf(invocation)) })
  } catch (error) {
    const failure = failureOf(error)
    console.error(JSON.stringify({ level: 'ERROR', request_id: invocation_id, ...failure }))
    post({ type: 'failed', invocation_id, failure })
  }
}

try {
  const handler = await load()
  port.on('message', (invocation: Invocation) => void run(handler, invocation))
  post({ type: 'loaded' })
} catch (error) {
  post({ type: 'load_failed', failure: failureOf(error) })
}
