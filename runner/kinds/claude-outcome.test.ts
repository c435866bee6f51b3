import type { SDKResultMessage } from '@anthropic-ai/claude-agent-sdk'
import { expect, test } from 'vitest'
import { attemptUsage, failureOf, totalUsage } from './claude-outcome.ts'

const result = (fields: object): SDKResultMessage =>
  JSON.parse(
    JSON.stringify({
      type: 'result',
      subtype: 'success',
      is_error: false,
      result: 'text',
      num_turns: 3,
      errors: [],
      modelUsage: {},
      total_cost_usd: 0,
      ...fields,
    }),
  )

test('a success has no failure', () => {
  expect(failureOf(result({}))).toBeUndefined()
})

test.each([
  [400, 'model_request_invalid', false],
  [401, 'model_unauthenticated', false],
  [403, 'model_forbidden', false],
  [404, 'model_not_found', false],
  [413, 'model_request_too_large', false],
  [422, 'model_request_failed', true],
  [429, 'model_rate_limited', true],
  [500, 'model_unavailable', true],
  [529, 'model_overloaded', true],
  [null, 'model_unavailable', true],
])('an answer %s of the API is %s, retryable: %s', (api_error_status, code, retryable) => {
  expect(failureOf(result({ is_error: true, api_error_status, result: 'why' }))).toEqual({ code, message: 'why', retryable })
})

test.each([
  ['error_max_budget_usd', 'budget_exceeded', false],
  ['error_max_turns', 'max_turns_reached', false],
  ['error_during_execution', 'agent_failed', true],
])('%s is %s', (subtype, code, retryable) => {
  expect(failureOf(result({ subtype, is_error: true }))).toMatchObject({ code, retryable })
})

const usage = (tokens: number, model_usd: number) => ({ input_tokens: tokens, output_tokens: tokens, cache_read_tokens: 0, cache_write_tokens: 0, model_usd })

test('adds up the models of a result', () => {
  const model = { inputTokens: 1, outputTokens: 2, cacheReadInputTokens: 3, cacheCreationInputTokens: 4 }
  expect(totalUsage(result({ modelUsage: { a: model, b: model }, total_cost_usd: 0.5 }))).toEqual({
    input_tokens: 2,
    output_tokens: 4,
    cache_read_tokens: 6,
    cache_write_tokens: 8,
    model_usd: 0.5,
  })
})

test('an attempt used what the transcript’s total grew by', () => {
  expect(attemptUsage(usage(30, 3), usage(10, 1), usage(19, 1.9))).toEqual({ attempt: usage(20, 2), total: usage(30, 3) })
  expect(attemptUsage(usage(30, 3), undefined, usage(0, 0)).attempt).toEqual(usage(30, 3))
})

test('where the totals are lost, zeroed or missing, it used what the proxy saw', () => {
  expect(attemptUsage(usage(5, 0.5), usage(10, 1), usage(4, 0.4)).attempt).toEqual(usage(4, 0.4))
  expect(attemptUsage(usage(0, 0), undefined, usage(4, 0.4))).toEqual({ attempt: usage(4, 0.4), total: usage(4, 0.4) })
  expect(attemptUsage(undefined, usage(10, 1), usage(4, 0.5))).toEqual({ attempt: usage(4, 0.5), total: usage(14, 1.5) })
})
