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

/** What a run has used: its earlier attempts, the latest if it has ended, and what a live one has reported. */
export const runUsage = (run: { readonly usage?: Usage | undefined; readonly live_usage?: Usage | undefined; readonly attempt: object }): Usage => {
  const { attempt } = run
  const latest = 'usage' in attempt ? Usage.parse(attempt.usage) : (run.live_usage ?? no_usage)
  return addUsage(run.usage ?? no_usage, latest)
}

/**
 * What an attempt has reported so far, given two reports. Each is the sum since the attempt's start, so of two that come in any
 * order the greater is the later.
 */
export const laterUsage = (known: Usage | undefined, reported: ModelUsage): Usage => {
  const { input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, model_usd } = known ?? no_usage
  return {
    ...no_usage,
    input_tokens: Math.max(input_tokens, reported.input_tokens),
    output_tokens: Math.max(output_tokens, reported.output_tokens),
    cache_read_tokens: Math.max(cache_read_tokens, reported.cache_read_tokens),
    cache_write_tokens: Math.max(cache_write_tokens, reported.cache_write_tokens),
    model_usd: Math.max(model_usd, reported.model_usd),
  }
}
