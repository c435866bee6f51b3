/**
 * Every price that Lanekeeper counts with, in one file, in US dollars; AWS in us-east-1 as read in November 2026. The unit is in the
 * name. They are list prices: estimates, not a bill.
 */

// Source: vantage.sh/blog/fargate-pricing. x86 costs a quarter more; at least one minute is billed; Spot is up to 70 % less.
export const fargate_arm64_usd_per_vcpu_hour = 0.03238
export const fargate_arm64_usd_per_gb_hour = 0.00356

// Source: airbyte.com/data-engineering-resources/dynamodb-pricing. A transaction costs twice; a write to an index is a write.
export const dynamodb_usd_per_million_write_units = 0.625
export const dynamodb_usd_per_million_read_units = 0.125

// From memory, not checked against a page.
export const sqs_fifo_usd_per_million_requests = 0.5

// Source: github.com/api-evangelist/aws-lambda. Initialization is billed too.
export const lambda_usd_per_million_requests = 0.2
export const lambda_arm64_usd_per_million_gb_seconds = 13.33

export const http_api_usd_per_million_requests = 1

/** What a model costs, in dollars per million tokens. `cache_write`: kept for five minutes. */
export interface ModelPrice {
  readonly input_usd_per_million_tokens: number
  readonly output_usd_per_million_tokens: number
  readonly cache_read_usd_per_million_tokens: number
  readonly cache_write_usd_per_million_tokens: number
}

const price = (input: number, output: number, cache_read = input / 10): ModelPrice => ({
  input_usd_per_million_tokens: input,
  output_usd_per_million_tokens: output,
  cache_read_usd_per_million_tokens: cache_read,
  cache_write_usd_per_million_tokens: input * 1.25,
})

/**
 * By the start of the model's name, the longest first. Source: the price table inside the agent binary of
 * @anthropic-ai/claude-agent-sdk 0.3.330, which is what the SDK's own cost comes from. Used where that cost is not known: for the
 * budget while a turn runs, and for an attempt that ended without a result. Left out: dearer long prompts, web searches,
 * and cache writes kept for an hour.
 */
export const model_prices: readonly (readonly [name: string, price: ModelPrice])[] = [
  ['claude-fable-5-2', price(8, 40, 0.2)],
  ['claude-fable-5-1', price(10, 50, 0.25)],
  ['claude-fable-5', price(10, 50)],
  ['claude-opus-5-5', price(4, 20, 0.2)],
  ['claude-opus-5', price(5, 25)],
  ['claude-opus-4-0', price(15, 75)],
  ['claude-opus-4-1', price(15, 75)],
  ['claude-opus-4-2', price(15, 75)],
  ['claude-opus-4', price(5, 25)],
  ['claude-sonnet-5-5', price(2, 10, 0.1)],
  ['claude-sonnet-5', price(2, 10)],
  ['claude-sonnet-4', price(3, 15)],
  ['claude-haiku-5-5', price(0.1, 0.5)],
  ['claude-haiku-4-5', price(1, 5)],
]

/** Of a model that is not in the list: as much as the dearest common one, so that a budget errs towards stopping. */
const unknown_model_price = price(15, 75)

/** The price of a model by its name, in the forms of Anthropic (`claude-sonnet-5`) and of Bedrock (`us.anthropic.claude-sonnet-5`). */
export const modelPrice = (model: string): ModelPrice => {
  const name = model.slice(Math.max(0, model.indexOf('claude-')))
  return model_prices.find(([start]) => name.startsWith(start))?.[1] ?? unknown_model_price
}

export interface TokenCounts {
  readonly input_tokens: number
  readonly output_tokens: number
  readonly cache_read_tokens: number
  readonly cache_write_tokens: number
}

/** What tokens of a model cost, in dollars. */
export const modelUsd = (model: string, tokens: TokenCounts): number => {
  const cost = modelPrice(model)
  const millionths =
    tokens.input_tokens * cost.input_usd_per_million_tokens +
    tokens.output_tokens * cost.output_usd_per_million_tokens +
    tokens.cache_read_tokens * cost.cache_read_usd_per_million_tokens +
    tokens.cache_write_tokens * cost.cache_write_usd_per_million_tokens
  return millionths / 1_000_000
}
