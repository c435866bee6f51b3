/** What the stack and a runner host say to each other over IPC. */
import * as z from 'zod'

/** Stack to host. `run`: start an attempt with this environment. `stop`: the SIGTERM of a container. */
export const ToHost = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('run'), task: z.string(), env: z.record(z.string(), z.string()) }),
  z.strictObject({ type: z.literal('stop'), task: z.string() }),
])
export type ToHost = z.infer<typeof ToHost>

/** Host to stack. `ready` comes first, or `broken` if the runner's module cannot be loaded. */
export const FromHost = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('ready') }),
  z.strictObject({ type: z.literal('broken'), reason: z.string() }),
  z.strictObject({ type: z.literal('started'), task: z.string() }),
  z.strictObject({ type: z.literal('ended'), task: z.string(), exit_code: z.int() }),
])
export type FromHost = z.infer<typeof FromHost>
