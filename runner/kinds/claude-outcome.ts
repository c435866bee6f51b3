/** What the agent's last result means for the attempt, from its fields and never from its words. */
import type { SDKResultMessage } from '@anthropic-ai/claude-agent-sdk'
import type { Failure } from '../../shared/domain/run.ts'
import type { ModelUsage } from '../../shared/domain/usage.ts'
import { failure, no_model_usage } from './kind.ts'

const api_failures: Readonly<Record<number, readonly [code: string, retryable: boolean]>> = {
  400: ['model_request_invalid', false],
  401: ['model_unauthenticated', false],
  403: ['model_forbidden', false],
  404: ['model_not_found', false],
  413: ['model_request_too_large', false],
  429: ['model_rate_limited', true],
  529: ['model_overloaded', true],
}

const apiFailure = (status: number | null | undefined, message: string): Failure => {
  const known = status === null || status === undefined ? undefined : api_failures[status]
  if (known !== undefined) return failure(known[0], message, known[1])
  return failure(status !== null && status !== undefined && status < 500 ? 'model_request_failed' : 'model_unavailable', message, true)
}

/** The failure in a result; undefined if it is a success. `subtype: 'success'` may be an error of the API. */
export const failureOf = (result: SDKResultMessage): Failure | undefined => {
  switch (result.subtype) {
    case 'success':
      return result.is_error ? apiFailure(result.api_error_status, result.result) : undefined
    case 'error_max_budget_usd':
      return failure('budget_exceeded', 'the run reached its budget', false)
    case 'error_max_turns':
      return failure('max_turns_reached', `the agent reached its limit of ${result.num_turns} turns`, false)
    case 'error_max_structured_output_retries':
    case 'error_during_execution':
      return failure('agent_failed', result.errors.join('; ') || 'the agent failed while it worked', true)
  }
}

/** What the agent has used over the whole life of its transcript, by a result. */
export const totalUsage = (result: SDKResultMessage): ModelUsage => {
  const models = Object.values(result.modelUsage)
  const sum = (pick: (model: (typeof models)[number]) => number): number => Math.round(models.reduce((total, model) => total + pick(model), 0))
  return {
    input_tokens: sum((model) => model.inputTokens),
    output_tokens: sum((model) => model.outputTokens),
    cache_read_tokens: sum((model) => model.cacheReadInputTokens),
    cache_write_tokens: sum((model) => model.cacheCreationInputTokens),
    model_usd: result.total_cost_usd,
  }
}

const fields = ['input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_write_tokens', 'model_usd'] as const

const combine = (a: ModelUsage, b: ModelUsage, one: (x: number, y: number) => number): ModelUsage => ({
  input_tokens: one(a.input_tokens, b.input_tokens),
  output_tokens: one(a.output_tokens, b.output_tokens),
  cache_read_tokens: one(a.cache_read_tokens, b.cache_read_tokens),
  cache_write_tokens: one(a.cache_write_tokens, b.cache_write_tokens),
  model_usd: one(a.model_usd, b.model_usd),
})

const isZero = (usage: ModelUsage): boolean => fields.every((field) => usage[field] === 0)

/**
 * What this attempt used, and what the transcript's agent has used by now. An agent that ended without a result, with a zeroed one
 * after a crash, or on a transcript that had lost its totals, is counted by what the proxy saw.
 */
export const attemptUsage = (
  said: ModelUsage | undefined,
  before: ModelUsage | undefined,
  metered: ModelUsage,
): { readonly attempt: ModelUsage; readonly total: ModelUsage } => {
  const base = before ?? no_model_usage
  const total = said !== undefined && isZero(said) && !isZero(metered) ? undefined : said
  if (total !== undefined && fields.every((field) => total[field] >= base[field])) return { attempt: combine(total, base, (x, y) => x - y), total }
  return { attempt: metered, total: total ?? combine(base, metered, (x, y) => x + y) }
}
