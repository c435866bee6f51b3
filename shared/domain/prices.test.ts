import { expect, test } from 'vitest'
import { model_prices, modelPrice, modelUsd } from './prices.ts'

test.each([
  ['claude-sonnet-5', 2],
  ['claude-sonnet-5-5', 2],
  ['us.anthropic.claude-haiku-4-5-20251001-v1:0', 1],
  ['claude-opus-4-20250514', 15],
  ['claude-opus-4-8', 5],
  ['a-model-nobody-knows', 15],
])('%s costs %d dollars per million tokens in', (model, usd) => {
  expect(modelPrice(model).input_usd_per_million_tokens).toBe(usd)
})

test('no name hides a longer one behind it', () => {
  for (const [index, [name]] of model_prices.entries()) {
    expect(model_prices.slice(0, index).filter(([earlier]) => name.startsWith(earlier))).toEqual([])
  }
})

test('adds up tokens of every kind', () => {
  const tokens = { input_tokens: 1_000_000, output_tokens: 100_000, cache_read_tokens: 1_000_000, cache_write_tokens: 1_000_000 }
  expect(modelUsd('claude-sonnet-5', tokens)).toBeCloseTo(2 + 1 + 0.2 + 2.5)
})
