/** What the model has been used for so far, counted from its answers, and what is left of the budget. */
import * as z from 'zod'
import { modelUsd, type TokenCounts } from '../../shared/domain/prices.ts'
import type { ModelUsage } from '../../shared/domain/usage.ts'

const Counts = z.looseObject({
  input_tokens: z.number().nullish(),
  output_tokens: z.number().nullish(),
  cache_read_input_tokens: z.number().nullish(),
  cache_creation_input_tokens: z.number().nullish(),
})
/** An event of the stream, or a whole message, as far as it says usage. */
const Said = z.looseObject({
  type: z.string().optional(),
  usage: Counts.nullish(),
  message: z.looseObject({ usage: Counts.nullish() }).nullish(),
})

/** The counts of one request. Later ones of a stream replace earlier ones: they are cumulative. */
export interface RequestMeter {
  /** Takes an event of the stream, or the whole answer, as parsed JSON. */
  see(value: unknown): void
}

export interface Meter {
  request(model: string): RequestMeter
  usage(): ModelUsage
  /** Undefined where there is no budget. */
  leftUsd(): number | undefined
  /** A request was refused because the budget is spent. */
  refuse(): void
  wasRefused(): boolean
}

const none: TokenCounts = { input_tokens: 0, output_tokens: 0, cache_read_tokens: 0, cache_write_tokens: 0 }

const whole = (value: number | null | undefined, otherwise: number): number =>
  value === null || value === undefined ? otherwise : Math.max(0, Math.round(value))

/** @param budget_usd what this attempt may still spend; undefined for no limit */
export const createMeter = (budget_usd: number | undefined): Meter => {
  const requests: { readonly model: string; counts: TokenCounts }[] = []
  let refused = false
  const usage = (): ModelUsage => {
    const total = { ...none, model_usd: 0 }
    for (const { model, counts } of requests) {
      total.input_tokens += counts.input_tokens
      total.output_tokens += counts.output_tokens
      total.cache_read_tokens += counts.cache_read_tokens
      total.cache_write_tokens += counts.cache_write_tokens
      total.model_usd += modelUsd(model, counts)
    }
    return total
  }
  return {
    request: (model) => {
      const entry = { model, counts: none }
      requests.push(entry)
      return {
        see: (value) => {
          const said = Said.safeParse(value)
          const counts = said.success ? (said.data.usage ?? said.data.message?.usage) : undefined
          if (counts === null || counts === undefined) return
          entry.counts = {
            input_tokens: whole(counts.input_tokens, entry.counts.input_tokens),
            output_tokens: whole(counts.output_tokens, entry.counts.output_tokens),
            cache_read_tokens: whole(counts.cache_read_input_tokens, entry.counts.cache_read_tokens),
            cache_write_tokens: whole(counts.cache_creation_input_tokens, entry.counts.cache_write_tokens),
          }
        },
      }
    },
    usage,
    leftUsd: () => (budget_usd === undefined ? undefined : budget_usd - usage().model_usd),
    refuse: () => {
      refused = true
    },
    wasRefused: () => refused,
  }
}
