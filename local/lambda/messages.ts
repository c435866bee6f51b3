/** What the host and a function's worker thread say to each other. */
import * as z from 'zod'

/** Given to the worker when it starts. */
export const WorkerData = z.strictObject({
  /** File URL of the module. */
  module_url: z.string(),
  /** Name of the exported handler. */
  handler: z.string(),
  function_name: z.string(),
  function_arn: z.string(),
  memory_mib: z.number(),
})
export type WorkerData = z.infer<typeof WorkerData>

/** Host to worker. `taken`: the reader has taken the last piece of a streamed answer. `left`: it is gone. */
export const HostMessage = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('invoke'), invocation_id: z.string(), event: z.unknown().optional(), deadline_ms: z.number() }),
  z.strictObject({ type: z.literal('taken'), invocation_id: z.string() }),
  z.strictObject({ type: z.literal('left'), invocation_id: z.string() }),
])
export type HostMessage = z.infer<typeof HostMessage>
export type Invocation = Extract<HostMessage, { type: 'invoke' }>

/** As Lambda reports a function's error: to the caller, and in the log. */
export const FunctionFailure = z.strictObject({ errorType: z.string(), errorMessage: z.string(), trace: z.array(z.string()) })
export type FunctionFailure = z.infer<typeof FunctionFailure>

/** Worker to host. `loaded` is about the module, the others are about an invocation; `head` and `piece` are of an answer that is streamed. */
export const WorkerMessage = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('loaded') }),
  z.strictObject({ type: z.literal('load_failed'), failure: FunctionFailure }),
  z.strictObject({
    type: z.literal('head'),
    invocation_id: z.string(),
    head: z.looseObject({ statusCode: z.int().min(100).max(599).default(200), headers: z.record(z.string(), z.string()).default({}) }),
  }),
  z.strictObject({ type: z.literal('piece'), invocation_id: z.string(), bytes: z.instanceof(Uint8Array) }),
  z.strictObject({ type: z.literal('done'), invocation_id: z.string(), result: z.unknown().optional() }),
  z.strictObject({ type: z.literal('failed'), invocation_id: z.string(), failure: FunctionFailure }),
])
export type WorkerMessage = z.infer<typeof WorkerMessage>
