/**
 * The typed client: one method per operation of the contract. Runs in Node and in browsers; it needs `fetch` and nothing else.
 *
 *     const client = createClient({ url: 'http://127.0.0.1:4700', key: 'lk_…' })
 *     const { task } = await client.tasks.accept({ agent_id, message: 'Say hello' })
 *     for await (const batch of client.streamTaskEvents(task.id)) console.log(batch.logs)
 */
import type * as z from 'zod'
import { operations } from '../shared/contract/operations.ts'
import type { CommandParamsInput } from '../shared/domain/command.ts'
import { methodsOf, type CallOptions } from './call.ts'
import type { FollowOptions } from './follow.ts'
import type { Transport } from './http.ts'
import { streamTaskEvents } from './stream.ts'

export interface ClientOptions {
  /** Where the API is, without a path. */
  readonly url: string
  readonly key?: string | undefined
  /** Operators only: act in this workspace instead of the key's own. */
  readonly workspace_id?: string | undefined
  readonly fetch?: typeof fetch
  /** Tries of a request in all, where a repeat is harmless; default 4. */
  readonly tries_max?: number
  /** How long one try may take; default 35 000. */
  readonly timeout_ms?: number
}

const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal?.addEventListener('abort', end)
    if (signal?.aborted === true) end()
  })

/** 128 random bits in hex. Unlike `randomUUID` it is there in a page that was not loaded over https. */
const randomKey = (): string => [...globalThis.crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')

const transportOf = (options: ClientOptions): Transport => ({
  url: options.url.replace(/\/+$/, ''),
  key: options.key,
  fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
  sleep,
  random: Math.random,
  tries_max: options.tries_max ?? 4,
  timeout_ms: options.timeout_ms ?? 35_000,
})

/** What is found out once; a failure is not kept. */
const remembered = <T>(find: () => Promise<T>): (() => Promise<T>) => {
  let found: Promise<T> | undefined
  return () => {
    found ??= find().catch((error: unknown) => {
      found = undefined
      throw error
    })
    return found
  }
}

type Method = ReturnType<typeof methodsOf>
type SendInputBody = z.input<typeof operations.sendRunInput.body>

const scheduleMethods = (method: Method) => {
  const fire = method.idAndBody(operations.fireSchedule)
  return {
    create: method.body(operations.createSchedule),
    draft: method.body(operations.draftSchedule),
    list: method.query(operations.listSchedules),
    get: method.id(operations.getSchedule),
    update: method.idAndBody(operations.updateSchedule),
    delete: method.id(operations.deleteSchedule),
    next: method.idAndQuery(operations.nextScheduleTicks),
    ticks: method.idAndQuery(operations.listScheduleTicks),
    /** Fires exactly once: without an idempotency key of its own it gets one here. */
    fire: (schedule_id: string, idempotency_key: string = randomKey(), call_options?: CallOptions) => fire(schedule_id, { idempotency_key }, call_options),
  }
}

const runReads = (method: Method) => ({
  list: method.query(operations.listRuns),
  get: method.id(operations.getRun),
  attempts: method.id(operations.listRunAttempts),
  snapshots: method.idAndQuery(operations.listRunSnapshots),
  events: method.idAndQuery(operations.listRunEvents),
  interaction: method.id(operations.getRunInteraction),
  approvals: method.idAndQuery(operations.listRunApprovals),
  cancel: method.id(operations.cancelRun),
})

const runMethods = (method: Method) => {
  const send = method.idAndBody(operations.sendRunInput)
  return {
    /** Sends an input exactly once: without an idempotency key of its own it gets one here, so that retries cannot double it. */
    send: (run_id: string, input: SendInputBody, call_options?: CallOptions) =>
      send(run_id, { ...input, idempotency_key: input.idempotency_key ?? randomKey() }, call_options),
    inputs: method.idAndQuery(operations.listRunInputs),
    input: method.id(operations.getInput),
    ...runReads(method),
  }
}

const approvalMethods = (method: Method) => ({
  list: method.query(operations.listApprovals),
  get: method.id(operations.getApproval),
  answer: method.idAndBody(operations.answerApproval),
})

export const createClient = (options: ClientOptions) => {
  const transport = transportOf(options)
  const method = methodsOf({ transport, workspace_id: options.workspace_id })
  const accept = method.body(operations.acceptAgentCommand)
  const events = method.idAndQuery(operations.streamTaskEvents)
  const health = method.none(operations.getHealth)
  const streamUrl = remembered(async () => (await health()).stream_url)
  return {
    health,
    openapi: method.none(operations.getOpenApi),
    audit: method.query(operations.audit),
    agents: {
      defaults: method.query(operations.defaultAgentConfig),
      create: method.body(operations.createAgent),
      list: method.query(operations.listAgents),
      get: method.id(operations.getAgent),
      update: method.idAndBody(operations.updateAgent),
      delete: method.idAndQuery(operations.deleteAgent),
    },
    tasks: {
      /** Accepts a command exactly once: without an idempotency key of its own it gets one here, so that retries cannot double it. */
      accept: (command: CommandParamsInput, call_options?: CallOptions) =>
        accept({ ...command, idempotency_key: command.idempotency_key ?? randomKey() }, call_options),
      list: method.query(operations.listTasks),
      get: method.id(operations.getTask),
      cancel: method.id(operations.cancelTask),
      archive: method.id(operations.archiveTask),
      retry: method.id(operations.retryTask),
      logs: method.idAndQuery(operations.listTaskLogs),
      explain: method.id(operations.explainTask),
      events,
    },
    runs: runMethods(method),
    approvals: approvalMethods(method),
    instances: {
      list: method.query(operations.listExecutionInstances),
      get: method.id(operations.getExecutionInstance),
      update: method.idAndBody(operations.updateExecutionInstance),
    },
    schedules: scheduleMethods(method),
    workspaces: {
      create: method.body(operations.createWorkspace),
      list: method.query(operations.listWorkspaces),
      update: method.idAndBody(operations.updateWorkspace),
      kill: method.idBodyAndQuery(operations.killWorkspace),
      resume: method.id(operations.resumeWorkspace),
    },
    keys: {
      create: method.body(operations.createApiKey),
      list: method.query(operations.listApiKeys),
      revoke: method.id(operations.revokeApiKey),
    },
    /**
     * Everything that happens to a task, as it happens, until it has ended and all was delivered: streamed where the deployment
     * streams, and asked for otherwise. A broken connection is taken up again without a gap or a repeat.
     */
    streamTaskEvents: (task_id: string, follow_options?: FollowOptions) =>
      streamTaskEvents({ events, sleep, transport, workspace_id: options.workspace_id, streamUrl }, task_id, follow_options),
  }
}

export type Client = ReturnType<typeof createClient>

/** The items of a list over all of its pages. @param page gets one page, as in `(cursor) => client.tasks.list({ state: 'queued', cursor })` */
export async function* everyItem<Item>(
  page: (cursor: string | undefined) => Promise<{ items: readonly Item[]; next_cursor?: string | undefined }>,
): AsyncGenerator<Item, undefined> {
  let cursor: string | undefined
  do {
    const { items, next_cursor } = await page(cursor)
    yield* items
    cursor = next_cursor
  } while (cursor !== undefined)
}

/** What an operation answers with, by its method: `AnswerOf<Client['tasks']['get']>`. */
export type AnswerOf<Method extends (...args: never[]) => Promise<unknown>> = Awaited<ReturnType<Method>>
