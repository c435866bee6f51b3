/** What work has used and cost. Additive: a task's usage is the sum of its runs', a run's that of its attempts. */
import * as z from 'zod'

export const Usage = z.strictObject({
  input_tokens: z.int().min(0).default(0),
  output_tokens: z.int().min(0).default(0),
  cache_read_tokens: z.int().min(0).default(0),
  cache_write_tokens: z.int().min(0).default(0),
  model_usd: z.number().min(0).default(0),
  compute_seconds: z.number().min(0).default(0),
  compute_usd: z.number().min(0).default(0),
  control_plane_usd: z.number().min(0).default(0),
})
export type Usage = z.infer<typeof Usage>

export const no_usage: Usage = Usage.parse({})

export const addUsage = (a: Usage, b: Usage): Usage => ({
  input_tokens: a.input_tokens + b.input_tokens,
  output_tokens: a.output_tokens + b.output_tokens,
  cache_read_tokens: a.cache_read_tokens + b.cache_read_tokens,
  cache_write_tokens: a.cache_write_tokens + b.cache_write_tokens,
  model_usd: a.model_usd + b.model_usd,
  compute_seconds: a.compute_seconds + b.compute_seconds,
  compute_usd: a.compute_usd + b.compute_usd,
  control_plane_usd: a.control_plane_usd + b.control_plane_usd,
})

/** What the agent itself reports: tokens and the model's cost. The plane adds compute and control plane. */
export const ModelUsage = Usage.pick({
  input_tokens: true,
  output_tokens: true,
  cache_read_tokens: true,
  cache_write_tokens: true,
  model_usd: true,
})
export type ModelUsage = z.infer<typeof ModelUsage>
